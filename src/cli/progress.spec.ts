import { Writable } from 'node:stream';
import { Io } from './command';
import { Output } from './output';
import { ProgressBar, progressLine } from './progress';

/** What is written to a terminal, or to a file, as time goes by. */
function watch(terminal: boolean) {
  let text = '';
  let now = 1_000;
  const stream = new Writable({
    write(chunk: Buffer, _encoding, done) {
      text += chunk.toString();
      done();
    },
  });
  const err = new Output(stream);
  const bar = new ProgressBar({ err, terminal } as Io, () => now);
  return {
    show: (seconds: number, label: string, done: number, total?: number) => {
      now = 1_000 + seconds * 1000;
      return bar.show({ label, done, total });
    },
    end: () => bar.end(),
    written: () => text,
  };
}

describe('progress', () => {
  it('is a bar with share, numbers, rate and the time that is left', () => {
    expect(progressLine({ label: 'copy', done: 4200, total: 10_000 }, 1400)).toBe('[##########--------------]  42%  copy  4,200/10,000 items  1,400/s  ETA 5 s');
    expect(progressLine({ label: 'copy', done: 0, total: 10_000 }, 1)).toMatch(/^\[-{24}\] {3}0% .*ETA 2 h 46 min$/);
    expect(progressLine({ label: 'copy', done: 9_900, total: 10_000 }, 1)).toMatch(/ETA 1 min 40 s$/);
  });

  it('believes who knows better how long it takes', () => {
    expect(progressLine({ label: 'copy', done: 1, total: 10, etaSeconds: 30 }, 1)).toMatch(/1\/s {2}ETA 30 s$/);
  });

  it('is never more than whole, though an estimate was too low', () => {
    expect(progressLine({ label: 'copy', done: 12, total: 10 }, 1)).toBe(`[${'#'.repeat(24)}] 100%  copy  12/10 items  1/s  ETA 0 s`);
  });

  it('guesses nothing where nothing is known', () => {
    expect(progressLine({ label: 'queued', done: 0, total: undefined }, 0)).toBe('queued  0 items');
    expect(progressLine({ label: 'copy', done: 7, total: 0 }, 3)).toBe('copy  7 items  3/s');
  });

  it('is drawn over again on a terminal, with the rate of the stage that runs', async () => {
    const { show, end, written } = watch(true);
    await show(0, 'copy', 100, 1000);
    await show(2, 'copy', 300, 1000);
    await show(4, 'verify', 0, 1000);
    await show(5, 'verify', 500, 1000);
    await end();
    const lines = written().split('\r').slice(1);
    expect(lines.map((line) => line.replace(/^\[.*?\] +/, '').replace('\u001b[K', ''))).toEqual([
      '10%  copy  100/1,000 items',
      '30%  copy  300/1,000 items  100/s  ETA 7 s',
      '0%  verify  0/1,000 items',
      '50%  verify  500/1,000 items  500/s  ETA 1 s\n',
    ]);
  });

  it('is a line for each tenth, and for each stage, where nobody looks on', async () => {
    const { show, end, written } = watch(false);
    for (let done = 0; done <= 100; done++) await show(done, 'copy', done, 100);
    await show(101, 'verify', 0, 100);
    await show(102, 'verify', 0, 100);
    await end();
    const shares = written().trimEnd().split('\n').map((line) => / (\d+)% {2}(\w+)/.exec(line)?.slice(1).join(' '));
    expect(shares).toEqual([...Array.from({ length: 11 }, (_each, tenth) => `${tenth * 10} copy`), '0 verify']);
  });
});
