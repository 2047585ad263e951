import { until } from '../../test/setup/until';
import { PollLoop } from '.';

describe('PollLoop', () => {
  it('never runs two passes at a time, makes one more for a wake on the way, survives errors, and stops', async () => {
    let passes = 0;
    let running = 0;
    const errors: unknown[] = [];
    const loop: PollLoop = new PollLoop(
      async () => {
        running += 1;
        expect(running).toBe(1);
        passes += 1;
        if (passes === 1) loop.wake();
        await new Promise((resolve) => setImmediate(resolve));
        running -= 1;
        if (passes === 2) throw new Error('second');
      },
      1,
      (error) => errors.push(error),
    );
    loop.start();
    await until(() => passes >= 4);
    await loop.stop();
    const at = passes;
    loop.wake();
    await new Promise((resolve) => setImmediate(resolve));
    expect(passes).toBe(at);
    expect(errors.map(String)).toEqual(['Error: second']);
  });
});
