const { spawn } = require('node:child_process');
const { mkdtemp } = require('node:fs/promises');
const { tmpdir } = require('node:os');
const { join } = require('node:path');
const { EmbeddedServer } = require('../../src/database/embedded-server');

/**
 * A folder for the run's servers (TEST_RUN_DIR; a run inside a run uses the outer one's), and one PostgreSQL server for the whole run (or the one of
 * TEST_DATABASE_URL); each test file takes databases of its own. Other servers are started there by the tests that need them.
 */
module.exports = async () => {
  const run = {};
  globalThis.magnetodbTestRun = run;
  if (!process.env.TEST_RUN_DIR) {
    process.env.TEST_RUN_DIR = await mkdtemp(join(tmpdir(), 'magnetodb-test-'));
    // Its standard input ends when this process does, however it ends: an interrupted run leaves no server behind.
    run.reaper = spawn(process.execPath, [join(__dirname, 'reaper.js'), process.env.TEST_RUN_DIR], {
      detached: true,
      stdio: ['pipe', 'ignore', 'ignore'],
    });
    run.reaper.unref();
    run.reaper.stdin.unref();
  }
  if (process.env.TEST_DATABASE_URL) return;
  run.server = await EmbeddedServer.start({
    dataDir: join(process.env.TEST_RUN_DIR, 'postgres'),
    settings: { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off', max_connections: '200' },
  });
  process.env.TEST_DATABASE_URL = run.server.url;
};
