const { spawn } = require('node:child_process');
const { mkdtemp } = require('node:fs/promises');
const { tmpdir } = require('node:os');
const { join } = require('node:path');
const { EmbeddedServer } = require('../../src/database/embedded-server');

/** One PostgreSQL server for the whole run (or the one of TEST_DATABASE_URL); each test file takes databases of its own. */
module.exports = async () => {
  if (process.env.TEST_DATABASE_URL) return;
  const folder = await mkdtemp(join(tmpdir(), 'magnetodb-test-'));
  // Its standard input ends when this process does, however it ends: an interrupted run leaves no server behind.
  const reaper = spawn(process.execPath, [join(__dirname, 'reaper.js'), folder], {
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  reaper.unref();
  reaper.stdin.unref();
  const server = await EmbeddedServer.start({
    dataDir: join(folder, 'postgres'),
    settings: { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off', max_connections: '200' },
  });
  process.env.TEST_DATABASE_URL = server.url;
  globalThis.magnetodbTestServer = { server, reaper };
};
