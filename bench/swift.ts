import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtemp, open, rm } from 'node:fs/promises';
import { cpus, loadavg, tmpdir } from 'node:os';
import { extname, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { median } from './report';
import { Stops } from './stops';

const MIB = 1024 * 1024;
const SERVICES = resolve('test/services/openstack');
/** Of segments and objects alike: what a chunk has at most, before compression. */
const PIECE_BYTES = 16 * MIB;
/** What `swift upload` does at once by itself. */
const PARALLEL = 10;
/** Chunks that two processes store at once, with the steps that each works on unless told otherwise. */
const CHUNKS = 4;

interface Upload {
  readonly seconds: number;
  readonly cpuSeconds: number;
  readonly peakMiB: number;
}

/**
 * Upload to a real Swift beside `swift upload` (python-swiftclient): the same bytes, in objects or segments of the same size, in turns; and our peak memory at
 * two sizes.
 * @param stops gets what an interrupted bench must stop, last things first
 */
export async function benchSwift(quick: boolean, stops: Stops): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'magnetodb-bench-'));
  const run = async (command: string, args: string[], env: Record<string, string> = {}): Promise<string> =>
    (await promisify(execFile)(command, args, { env: { ...process.env, ...env }, maxBuffer: 16 * MIB })).stdout.trim();
  const swift = (action: string): Promise<string> => run('bash', [join(SERVICES, 'swift.sh'), action], { SERVICES_DIR: folder });
  stops.unshift({ stop: () => swift('wipe').then(() => rm(folder, { recursive: true, force: true })) });
  const server = (await swift('start')).split('\n').at(-1) ?? '';
  const python = (await run('bash', [join(SERVICES, 'python-env.sh')])).split('\n').at(-1) ?? '';
  const [smallMiB, largeMiB, rounds] = quick ? [32, 64, 1] : [128, 512, 3];
  const [small, large] = await Promise.all([smallMiB, largeMiB].map((size) => randomFile(join(folder, `${size}`), size)));

  let container = 0;
  const child = join(__dirname, `swift-upload${extname(__filename)}`);
  const ours = async (file: string, parallel: number): Promise<Upload> =>
    JSON.parse(await run(process.execPath, [...process.execArgv, child, server, file, String(PIECE_BYTES), String(parallel), `ours${container++}`])) as Upload;
  const client = async (...args: string[]): Promise<Upload> => {
    const began = performance.now();
    const said = await run('bash', ['-c', '"$@" && times', 'bash', join(python, 'bin/swift'), ...args]);
    return { seconds: (performance.now() - began) / 1000, cpuSeconds: cpuSecondsOf(said), peakMiB: 0 };
  };
  const theirs = (file: string): Promise<Upload> => {
    const user = ['-A', `${server}/auth/v1.0`, '-U', 'test:tester', '-K', 'testing'];
    return client(...user, 'upload', '--segment-size', String(PIECE_BYTES), '--object-name', 'file', `theirs${container++}`, file);
  };
  const measured: Record<'objects' | 'segments' | 'theirs', Upload[]> = { objects: [], segments: [], theirs: [] };
  const start = await client('--version');
  const memory = await ours(small ?? '', CHUNKS);
  for (let round = 0; round < rounds; round++) {
    measured.theirs.push(await theirs(large ?? ''));
    measured.objects.push(await ours(large ?? '', CHUNKS));
    measured.segments.push(await ours(large ?? '', 0));
  }
  const speed = (uploads: Upload[]): number => largeMiB / median(uploads.map(({ seconds }) => seconds));
  const line = (what: string, uploads: Upload[]): string => {
    const peak = Math.max(...uploads.map(({ peakMiB }) => peakMiB));
    const cpuSeconds = median(uploads.map((upload) => upload.cpuSeconds));
    const ofTheirs = speed(uploads) / speed(measured.theirs);
    return `| ${what} | ${speed(uploads).toFixed(0)} MiB/s | ${ofTheirs.toFixed(2)} | ${cpuSeconds.toFixed(2)} s | ${peak === 0 ? '' : `${peak.toFixed(0)} MiB`} |`;
  };
  return [
    `Upload of ${largeMiB} MiB of random bytes to one Swift on this machine (${cpus().length} cores, load ${(loadavg()[0] ?? 0).toFixed(1)}), medians of ${rounds}, in turns:`,
    '',
    '| | speed | of theirs | processor | peak memory |',
    '|---|---|---|---|---|',
    line(`\`swift upload\`, segments of 16 MiB, ${PARALLEL} at once`, measured.theirs),
    line(`ours, objects of 16 MiB, ${CHUNKS} at once (as chunks go)`, measured.objects),
    line('ours, one object in segments of 16 MiB', measured.segments),
    '',
    `Peak memory with ${smallMiB} MiB instead, ${CHUNKS} at once: ${memory.peakMiB.toFixed(0)} MiB. Of the time of \`swift upload\`, ${start.seconds.toFixed(1)} s (${start.cpuSeconds.toFixed(1)} s of the processor) are its start.`,
  ].join('\n');
}

/** Of what has run below a shell, as its `times` tells in the last line: `0m1.050s 0m0.280s`. */
function cpuSecondsOf(said: string): number {
  const line = said.split('\n').at(-1) ?? '';
  return [...line.matchAll(/(\d+)m([\d.]+)s/g)].reduce((sum, [, minutes, seconds]) => sum + Number(minutes) * 60 + Number(seconds), 0);
}

async function randomFile(path: string, mebibytes: number): Promise<string> {
  const file = await open(path, 'w');
  try {
    for (let written = 0; written < mebibytes; written++) await file.write(randomBytes(MIB));
  } finally {
    await file.close();
  }
  return path;
}
