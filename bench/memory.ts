import { readFileSync, readdirSync } from 'node:fs';

/** Peak resident memory (VmHWM) of a process and of all Node processes below it, in MiB. */
export function peakMemoryMiB(pid: number): number {
  const parents = new Map<number, number>();
  for (const name of readdirSync('/proc')) {
    if (!/^[0-9]+$/.test(name)) continue;
    const status = statusOf(Number(name));
    if (status?.Name === 'node' || status?.Name === 'MainThread') parents.set(Number(name), Number(status.PPid));
  }
  const family = [...parents.keys()].filter((each) => each === pid || isBelow(each, pid, parents));
  const kibibytes = family.map((each) => Number.parseInt(statusOf(each)?.VmHWM ?? '0', 10));
  return Math.round(kibibytes.reduce((sum, each) => sum + each, 0) / 1024);
}

function isBelow(pid: number, ancestor: number, parents: ReadonlyMap<number, number>): boolean {
  for (let each = parents.get(pid); each !== undefined; each = parents.get(each)) if (each === ancestor) return true;
  return false;
}

function statusOf(pid: number): Record<string, string> | undefined {
  try {
    const lines = readFileSync(`/proc/${pid}/status`, 'utf8').split('\n');
    return Object.fromEntries(lines.map((line) => line.split(':\t', 2) as [string, string]));
  } catch {
    return undefined;
  }
}
