import { spawnSync } from 'node:child_process';
import { cp, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { COMPRESSIONS } from '../../src/archive';
import { MapArchiveStore } from '../fakes/map-archive-store';
import { writeSampleArchive } from '../fakes/sample-archive';

const SCRIPT = join(__dirname, 'read_archive.py');
const FROZEN = join(__dirname, '../fixtures/archives/v1');
/** The first Python that has the module `xxhash`. */
const PYTHON = ['python3', '/usr/bin/python3'].find((each) => spawnSync(each, ['-c', 'import xxhash']).status === 0);
const COMMANDS = ['zstd', 'gzip', 'sha256sum', 'jq'].filter((each) => spawnSync(each, ['--version']).status !== 0);
const complete = PYTHON !== undefined && COMMANDS.length === 0;

function read(folder: string, ...options: string[]): { status: number | null; stdout: string; stderr: string } {
  return spawnSync(PYTHON ?? 'python3', [SCRIPT, folder, ...options], { encoding: 'utf8', maxBuffer: 2 ** 26 });
}

// A reader that shares no code proves that the format's page tells all. It needs tools that a developer's machine may lack; CI has them.
(complete || process.env['CI'] === 'true' ? describe : describe.skip)('an independent reader', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'archive-reader-'));
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  it('finds its tools', () => {
    expect(PYTHON).toBeDefined();
    expect(COMMANDS).toEqual([]);
  });

  it.each(COMPRESSIONS)('finds the frozen archive whole (%s)', async (compression) => {
    const result = read(join(FROZEN, compression), '--items');
    expect(result.stderr).toBe('whole: 50 items of Cities.v1\n');
    expect(result.status).toBe(0);
    const expected = (await readFile(join(FROZEN, 'expected.jsonl'), 'utf8')).split('\n').slice(0, -1);
    const found = result.stdout.split('\n').slice(0, -1);
    expect(found.map((line) => (JSON.parse(line) as { Expires?: number }).Expires)).toEqual(
      expected.map((line) => (JSON.parse(line) as { expiresAt?: number }).expiresAt),
    );
  });

  it('finds the frozen native archive whole, and its key columns those of its items', async () => {
    const result = read(join(FROZEN, '../v1-native'), '--items');
    expect(result.stderr).toBe('whole: 49 items of Cities.v1\n');
    expect(result.status).toBe(0);
    expect(result.stdout.split('\n').slice(0, -1)).toHaveLength(49);
  });

  it('reads a backup with zstd and jq alone', async () => {
    const chunks = join(FROZEN, 'zstd/chunks');
    const names = (await readdir(chunks)).map((name) => join(chunks, name));
    expect(citiesOf(spawnSync('zstd', ['-dcq', ...names]).stdout)).toHaveLength(50);
  });

  it('reads a backup of today with zstd and jq alone', async () => {
    const store = new MapArchiveStore();
    await writeSampleArchive(store, { compression: 'zstd' });
    const chunks = [...store.objects].filter(([name]) => name.startsWith('chunks/')).map(([, bytes]) => bytes);
    expect(citiesOf(spawnSync('zstd', ['-dcq'], { input: Buffer.concat(chunks) }).stdout)).toHaveLength(50);
  });

  it('notices one flipped bit in any object that counts', async () => {
    const copy = join(folder, 'flipped');
    await cp(join(FROZEN, 'zstd'), copy, { recursive: true });
    const names = ['manifest.json', ...(await below(copy, 'chunks')), ...(await below(copy, 'lists'))];
    expect(names).toHaveLength(7);
    for (const name of names) {
      const file = join(copy, name);
      const whole = await readFile(file);
      const bytes = Buffer.from(whole);
      const middle = bytes.length >> 1;
      bytes[middle] = (bytes[middle] ?? 0) ^ 4;
      await writeFile(file, bytes);
      const result = read(copy);
      expect(result.stderr).toContain('damaged: ' + name);
      expect(result.status).toBe(1);
      await writeFile(file, whole);
    }
    expect(read(copy).status).toBe(0);
  });
});

/** One line an item that has a city; jq says no for a line without. */
function citiesOf(lines: Buffer): string[] {
  const jq = spawnSync('jq', ['-ce', '.Item.city.S | strings'], { input: lines, encoding: 'utf8' });
  expect(jq.status).toBe(0);
  return jq.stdout.split('\n').slice(0, -1);
}

async function below(root: string, folder: string): Promise<string[]> {
  return (await readdir(join(root, folder))).map((name) => `${folder}/${name}`);
}
