import type { Latency } from './latency';
import { median } from './report';

/** One run of one of them. */
export interface Turn {
  readonly name: string;
  readonly seconds: number;
  /** Rows a second by its own word; 0: it says nothing. */
  readonly reported: number;
  /** By its own word, where it has one; else by the clock. */
  readonly perSecond: number;
  /** Of the client's process. */
  readonly cpuSeconds: number;
  readonly serverCpuSeconds: number;
  readonly stages?: Readonly<Record<string, number>>;
}

/** What others feel of a backup. */
export interface Neighbours {
  readonly idle: Latency;
  /** Under the limit that backups have by default. */
  readonly duringBackup: Latency;
  /** Rows a second of that backup, while it read. */
  readonly limitedRowsPerSecond: number;
  /** Without that limit. */
  readonly duringFastBackup: Latency;
}

export interface Measured {
  readonly machine: string;
  readonly items: number;
  readonly loadPerSecond: number;
  readonly reads: readonly Turn[];
  readonly writes: readonly Turn[];
  readonly memory: readonly { readonly items: number; readonly mebibytes: { readonly backup: number; /** Undefined: not restored. */ readonly both: number | undefined } }[];
  /** undefined: calls failed, or were not measured. */
  readonly latency: Neighbours | undefined;
}

/** Rows a second of ours, that of each other being 1, by name; and what else there is an aim for. */
export interface CassandraReport extends Measured {
  readonly ratios: Readonly<Record<string, number>>;
}

/** What is aimed at, by the names of ratios. */
const AIMS: Readonly<Record<string, string>> = {
  backup_to_limit: 'at least 0.9',
  backup_to_dsbulk_json: 'at least 2',
  backup_to_dsbulk_csv: 'at least 1.5',
  backup_to_copy: 'at least 15',
  backup_cpu_seconds_per_million: 'at most 4',
  restore_to_dsbulk_best: 'at least 1.7',
  restore_to_dsbulk_default: 'at least 3',
  restore_to_copy: 'at least 6',
  get_item_p99_during_to_idle: 'at most 2',
  limited_backup_rows_per_second: 'at least 20000',
};

export function summarise(measured: Measured): CassandraReport {
  const { reads, writes, items, latency } = measured;
  const rate = (turns: readonly Turn[], name: string): number => median(turns.filter((turn) => turn.name === name).map((turn) => turn.perSecond));
  const loadRate = median(writes.filter(({ name }) => name === 'ours').map((turn) => items / (turn.seconds - (turn.stages?.['verify'] ?? 0))));
  const of = (name: string): readonly Turn[] => reads.filter((turn) => turn.name === name);
  const ratios = {
    backup_to_limit: rate(reads, 'ours') / rate(reads, 'limit'),
    backup_to_dsbulk_json: rate(reads, 'ours') / rate(reads, 'dsbulk json'),
    backup_to_dsbulk_csv: rate(reads, 'ours') / rate(reads, 'dsbulk csv'),
    backup_to_copy: rate(reads, 'ours') / rate(reads, 'copy'),
    backup_cpu_seconds_per_million: (median(of('ours').map((turn) => turn.cpuSeconds)) * 1e6) / items,
    restore_to_dsbulk_best: loadRate / rate(writes, 'dsbulk best'),
    restore_to_dsbulk_default: loadRate / rate(writes, 'dsbulk default'),
    restore_to_copy: loadRate / rate(writes, 'copy'),
    ...(latency === undefined ? {} : {
          get_item_p99_during_to_idle: latency.duringBackup.p99 / latency.idle.p99,
          limited_backup_rows_per_second: latency.limitedRowsPerSecond,
        }),
  };
  return { ...measured, ratios: Object.fromEntries(Object.entries(ratios).filter(([, value]) => Number.isFinite(value) && value > 0).map(([name, value]) => [name, Math.round(value * 100) / 100])) };
}

/** The report as the tables of RESULTS.md. */
export function cassandraMarkdown(report: CassandraReport): string {
  const { machine, items, loadPerSecond, reads, writes, memory, latency, ratios } = report;
  const lines = [`${whole(items)} items; ${machine}. Rates of DSBulk and cqlsh are those that they report. bulk_load over HTTP: ${whole(loadPerSecond)} items/s.`, ''];
  const speeds = (title: string, turns: readonly Turn[], names: Readonly<Record<string, string>>): void => {
    if (turns.length === 0) return;
    lines.push(`| ${title} | rows/s (median) | of ours | its CPU s a million | the server's | rows/s of each run |`, '|---|---|---|---|---|---|');
    const ours = median(turns.filter(({ name }) => name === 'ours').map((turn) => turn.perSecond));
    for (const [name, what] of Object.entries(names)) {
      const runs = turns.filter((turn) => turn.name === name);
      const rate = median(runs.map((turn) => turn.perSecond));
      const million = (of: (turn: Turn) => number): string => ((median(runs.map(of)) * 1e6) / items).toFixed(1);
      const cells = [what, whole(rate), (rate / ours).toFixed(2), million((turn) => turn.cpuSeconds), million((turn) => turn.serverCpuSeconds)];
      lines.push(`| ${cells.join(' | ')} | ${runs.map((turn) => whole(turn.perSecond)).join(', ')} |`);
    }
    lines.push('');
  };
  speeds('reading', reads, { limit: 'raw frames thrown away: the limit', ours: 'backup', 'dsbulk json': 'DSBulk unload, JSON', 'dsbulk csv': 'DSBulk unload, CSV', copy: '`cqlsh COPY TO`' });
  speeds('writing', writes, {
    ours: 'restore, verification included',
    'dsbulk best': 'DSBulk load, batches by replica set',
    'dsbulk default': 'DSBulk load, as it is',
    copy: '`cqlsh COPY FROM`',
  });
  const stages = writes.filter(({ name }) => name === 'ours').map((turn) => turn.stages ?? {});
  const names = Object.keys(stages[0] ?? {});
  if (names.length > 0) lines.push(`Stages of a restore (median seconds): ${names.map((name) => `${name} ${median(stages.map((each) => each[name] ?? 0)).toFixed(2)}`).join(', ')}.`, '');
  if (memory.length > 0) lines.push('| peak memory (VmHWM) | after a backup | after backup and restore |', '|---|---|---|');
  for (const row of memory) lines.push(`| ${whole(row.items)} items | ${row.mebibytes.backup} MiB | ${row.mebibytes.both === undefined ? '–' : `${row.mebibytes.both} MiB`} |`);
  if (latency !== undefined) {
    lines.push('', '| get_item, 100 calls/s | calls | p50 | p99 |', '|---|---|---|---|');
    const rows = [
      ['idle', latency.idle],
      [`during a backup under the default limit (${whole(latency.limitedRowsPerSecond)} rows/s)`, latency.duringBackup],
      ['during a backup at full speed', latency.duringFastBackup],
    ] as const;
    for (const [when, { calls, p50, p99 }] of rows) {
      lines.push(`| ${when} | ${calls} | ${p50} ms | ${p99} ms |`);
    }
  }
  lines.push('', '| ratio (restores without their verification, which the others have none of) | this run | aim |', '|---|---|---|');
  for (const [name, value] of Object.entries(ratios)) lines.push(`| \`${name}\` | ${value} | ${AIMS[name] ?? ''} |`);
  return `${lines.join('\n')}\n`;
}

function whole(value: number): string {
  return Math.round(value).toLocaleString('en-US');
}
