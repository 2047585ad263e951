import type { Latency } from './latency';
import type { JobRun } from './ours';
import type { ToolRun } from './theirs';

/** All runs of one table, in the order in which they were made. */
export interface Speed {
  readonly table: string;
  readonly items: number;
  readonly loadPerSecond: number;
  readonly backups: readonly JobRun[];
  readonly restores: readonly JobRun[];
  readonly nativeBackups: readonly JobRun[];
  readonly nativeRestores: readonly JobRun[];
  readonly dumps: ToolRun[];
  readonly restoresOfDumps: ToolRun[];
  /** Peak over all runs of ours. */
  readonly memoryMiB: number;
}

export interface Memory {
  readonly items: number;
  readonly backupMiB: number;
  /** After backup and restore. */
  readonly bothMiB: number;
}

export interface Report {
  readonly server: string;
  readonly quick: boolean;
  readonly speeds: readonly Speed[];
  readonly memory: readonly Memory[];
  readonly latency?: { readonly idle: Latency; readonly duringBackup: Latency; readonly duringRestore: Latency };
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? 0;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? 0) + upper) / 2;
}

const secondsOf = (runs: readonly { readonly seconds: number }[]): number[] => runs.map((run) => run.seconds);

/** The report as the tables of RESULTS.md. */
export function markdown({ server, speeds, memory, latency }: Report): string {
  const lines = [`Server: ${server}`, ''];
  for (const speed of speeds) lines.push(...speedTable(speed), '');
  if (memory.length > 0) lines.push('| peak memory (VmHWM) | after a backup | after backup and restore |', '|---|---|---|');
  for (const row of memory) lines.push(`| ${whole(row.items)} items | ${row.backupMiB} MiB | ${row.bothMiB} MiB |`);
  if (latency === undefined) return `${lines.join('\n')}\n`;
  lines.push('', '| get_item, 100 calls/s | calls | p50 | p99 |', '|---|---|---|---|');
  const rows: [string, Latency][] = [['idle', latency.idle], ['during a backup', latency.duringBackup], ['during a restore', latency.duringRestore]];
  for (const [when, { calls, p50, p99 }] of rows) lines.push(`| ${when} | ${calls} | ${p50} ms | ${p99} ms |`);
  return `${lines.join('\n')}\n`;
}

function speedTable({ table, items, loadPerSecond, backups, restores, nativeBackups, nativeRestores, dumps, restoresOfDumps }: Speed): string[] {
  const row = (what: string, seconds: readonly number[], peer?: readonly number[]): string => {
    const ratio = peer === undefined ? '' : (median(peer) / median(seconds)).toFixed(2);
    const each = seconds.map((value) => value.toFixed(2)).join(', ');
    return `| ${what} | ${whole(items / median(seconds))} | ${ratio} | ${each} |`;
  };
  const stage = (name: string): number[] => restores.map((run) => run.stages[name] ?? 0);
  const unverified = restores.map((run) => run.seconds - (run.stages.verify ?? 0));
  return [
    `### ${table}: ${whole(items)} items`,
    '',
    '| | items/s (median) | speed, theirs = 1 | seconds of each run, in order |',
    '|---|---|---|---|',
    row('backup', secondsOf(backups), secondsOf(dumps)),
    row('native backup', secondsOf(nativeBackups), secondsOf(dumps)),
    row('`pg_dump -Fc -t`', secondsOf(dumps)),
    row('restore, verification included', secondsOf(restores), secondsOf(restoresOfDumps)),
    row('– without verification', unverified, secondsOf(restoresOfDumps)),
    row('– verification alone', stage('verify')),
    row('native restore, files proved and rows counted', secondsOf(nativeRestores), secondsOf(restoresOfDumps)),
    row('`pg_restore`', secondsOf(restoresOfDumps)),
    '',
    `Stages of a restore (median seconds): ${stagesOf(restores)}; of a native one: ${stagesOf(nativeRestores)}. bulk_load over HTTP: ${whole(loadPerSecond)} items/s.`,
  ];
}

function stagesOf(runs: readonly JobRun[]): string {
  const names = Object.keys(runs[0]?.stages ?? {});
  return names.map((name) => `${name} ${median(runs.map((run) => run.stages[name] ?? 0)).toFixed(2)}`).join(', ');
}

function whole(value: number): string {
  return Math.round(value).toLocaleString('en-US');
}
