import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { HELP, UsageError, parseBench } from '../../bench/command-line';
import { TestProcess } from '../setup/child-process';
import { until } from '../setup/until';

describe('the command line of the bench', () => {
  it('is everything of PostgreSQL tables by default', () => {
    expect(parseBench([])).toEqual({ mode: 'tables', quick: false, json: false, only: ['cities', 'million', 'memory', 'latency'] });
  });

  it('takes a mode, its parts and numbers, before or behind each other', () => {
    const asked = { mode: 'cassandra', quick: true, json: true, only: ['reads', 'memory'], rounds: 2, items: 5000, large: 0 };
    expect(parseBench(['--quick', 'cassandra', '--only=reads,memory', '--rounds', '2', '--items=5000', '--large', '0', '--json'])).toEqual(asked);
    expect(parseBench(['--only', 'cities', '--rounds=5'])).toMatchObject({ mode: 'tables', only: ['cities'], rounds: 5 });
    expect(parseBench(['swift', '--quick'])).toMatchObject({ mode: 'swift', quick: true });
  });

  it.each([
    [['--hepl'], '--hepl'],
    [['cassandar'], 'cassandar is no bench'],
    [['swift', 'auth'], 'auth is no bench'],
    [['--items', '5'], '--items is no option of this bench'],
    [['auth', '--json'], '--json is no option of this bench'],
    [['--only', 'reads'], '--only wants some of cities,million,memory,latency'],
    [['cassandra', '--only', ''], '--only wants some of reads'],
    [['--rounds', '0'], '--rounds wants a whole number of at least 1'],
    [['cassandra', '--items', 'many'], '--items wants'],
    [['--quick=yes'], '--quick'],
  ])('%j is an error that names what is wrong', (args, message) => {
    expect(() => parseBench(args)).toThrow(UsageError);
    expect(() => parseBench(args)).toThrow(message);
  });

  it('gives help, whatever else is asked for', () => {
    expect(parseBench(['cassandra', '--help'])).toBe('help');
    expect(parseBench(['-h'])).toBe('help');
  });

  it('names every mode and option in the help', () => {
    for (const word of ['cassandra', 'swift', 'auth', '--quick', '--json', '--only', '--rounds', '--items', '--large']) expect(HELP).toContain(`\n  ${word} `);
  });

  it('prints help, or what is wrong, and ends before it has started anything', async () => {
    const help = TestProcess.start('bench/main.ts', {}, ['--help']);
    expect(await help.exited).toEqual({ code: 0, signal: null });
    expect(help.stdout).toBe(HELP);
    const wrong = TestProcess.start('bench/main.ts', {}, ['--help-me']);
    expect(await wrong.exited).toEqual({ code: 2, signal: null });
    expect(wrong.stderr).toContain('--help-me');
  });
});

describe('a bench that is interrupted', () => {
  const running: number[] = [];

  afterEach(() => {
    for (const pid of running.splice(0)) if (!gone(pid)) process.kill(pid, 'SIGKILL');
  });

  /** Starts it; `pids`: of what it has started. */
  async function start(...args: string[]) {
    const program = ['-r', join(__dirname, '../setup/swc-register.js'), join(__dirname, 'interrupted-bench.ts'), ...args];
    const bench = spawn(process.execPath, program, { stdio: ['ignore', 'pipe', 'pipe'] });
    let out = '';
    bench.stdout.setEncoding('utf8').on('data', (text: string) => (out += text));
    const exited = once(bench, 'exit');
    if (bench.pid !== undefined) running.push(bench.pid);
    await until(() => out.split('\n').length > 2);
    const pids = out.trim().split('\n').map(Number);
    running.push(...pids);
    return { bench, exited, pids };
  }

  function gone(pid: number): boolean {
    try {
      return !process.kill(pid, 0);
    } catch {
      return true;
    }
  }

  it('by a signal stops what it has started, and what was about to start', async () => {
    const each = async (signal: NodeJS.Signals): Promise<void> => {
      const { bench, exited, pids } = await start();
      bench.kill(signal);
      expect(await exited).toEqual([1, null]);
      expect(pids).toHaveLength(2);
      for (const pid of pids) await until(() => gone(pid));
    };
    await Promise.all([each('SIGINT'), each('SIGTERM'), each('SIGHUP')]);
  });

  it('by a reader who goes away stops all that it has started', async () => {
    const { bench, exited, pids } = await start('talk');
    bench.stderr.destroy();
    expect(await exited).toEqual([1, null]);
    for (const pid of pids) await until(() => gone(pid));
  });
});
