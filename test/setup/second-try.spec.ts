import { execFile } from 'node:child_process';
import { mkdtemp, readFile, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const ROOT = join(__dirname, '../..');

/** A race, a failure and a good test. */
const TESTS = `
let tries = 0;
describe('a file', () => {
  it('races', () => expect((tries += 1)).toBe(2));
  it('fails', () => expect(1).toBe(2));
  it('is good', () => undefined);
});`;

describe('A test that fails', () => {
  let folder: string;

  beforeAll(async () => {
    folder = await realpath(await mkdtemp(join(tmpdir(), 'second-try-')));
    await writeFile(join(folder, 'some.spec.js'), TESTS);
  });

  afterAll(() => rm(folder, { recursive: true, force: true }));

  /** The lines of the summary, and what was printed of errors, of a run of these tests. */
  const run = async (environment: Record<string, string>): Promise<{ summary: string[]; printed: string }> => {
    const config = {
      rootDir: folder,
      testEnvironment: 'node',
      transform: {},
      setupFilesAfterEnv: [join(ROOT, 'test/setup/second-try.js')],
      reporters: ['default', join(ROOT, 'test/setup/summary-reporter.js')],
    };
    const args = [join(ROOT, 'node_modules/jest/bin/jest.js'), '--runInBand', '--watchman=false', '--config', JSON.stringify(config)];
    const failed = await promisify(execFile)(process.execPath, args, { cwd: folder, env: { ...process.env, ...environment } }).then(
      () => ({ stderr: '' }),
      (error: { stderr: string }) => error,
    );
    const summary = await readFile(join(folder, 'test-results/summary.txt'), 'utf8');
    return { summary: summary.trim().split('\n'), printed: failed.stderr };
  };

  it('has one second try in continuous integration, and is named by the summary if it then passes', async () => {
    const { summary, printed } = await run({ CI: 'true', TEST_RETRIES: '' });
    expect(summary).toEqual(['passed only on the second try: some.spec.js: a file races', '2 passed, 1 failed']);
    expect(printed).toMatch(/RETRY[^]*Expected: 2[^]*Received: 1/);
  });

  it.each<Record<string, string>>([{ CI: 'false' }, { CI: 'true', TEST_RETRIES: '0' }])('has none with %j', async (environment) => {
    expect((await run(environment)).summary).toEqual(['1 passed, 2 failed']);
  });
});
