/**
 * Named places at which a crash test kills its own process: `FAIL_POINTS='backup.copy.after-put=kill@3,job.after-claim=kill@1'`
 * sends SIGKILL at the third (first) pass. Without that variable, a pass costs one comparison.
 */
const armed = parse(process.env.FAIL_POINTS);

/** Marks a place where the process may die. */
export function failPoint(name: string): void {
  if (armed === undefined) return;
  const left = armed.get(name);
  if (left === undefined) return;
  armed.set(name, left - 1);
  if (left > 1) return;
  process.kill(process.pid, 'SIGKILL');
  // The signal is delivered at once, but not synchronously: nothing after this point may be seen to happen.
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
}

function parse(text: string | undefined): Map<string, number> | undefined {
  if (text === undefined || text === '') return undefined;
  return new Map(
    text.split(',').map((entry): [string, number] => {
      const match = /^([a-z][a-z0-9.-]*)=kill@([1-9][0-9]*)$/.exec(entry.trim());
      if (match?.[1] === undefined || match[2] === undefined) throw new Error(`FAIL_POINTS: cannot read "${entry}"`);
      return [match[1], Number(match[2])];
    }),
  );
}
