import { execFile } from 'node:child_process';
import { cp, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { gunzipSync } from 'node:zlib';
import { decompress } from '@mongodb-js/zstd';
import { COMMANDS } from '../../src/cli/commands';
import { optionsOf } from '../../src/cli/command';
import { PartFiles } from '../../src/cli/part-files';
import { canonicalItem, parseItem } from '../../src/kernel';
import { FilesystemObjectStore } from '../../src/storage';
import { SampleItem, writeSampleArchive } from '../fakes/sample-archive';
import { CliResult, jsonLines, runCli } from './cli-io';

const FIXTURES = join(__dirname, '../fixtures/archives/v1');
const run = promisify(execFile);

describe('the command line without a server', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'cli-'));
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  let archives = 0;

  /** An archive of these items; its folder. */
  async function archiveOf(items: readonly SampleItem[], table = 'Cities.v1'): Promise<string> {
    const root = join(folder, `archive-${(archives += 1)}`);
    const draft = { table_name: table };
    await writeSampleArchive(new FilesystemObjectStore({ root }), {
      compression: 'gzip',
      items,
      itemsPerChunk: 2,
      draft,
    });
    return root;
  }

  const item = (rank: number, attributes: Record<string, unknown> = {}, expiresAt?: number): SampleItem => ({
    item: { city: { S: 'here' }, rank: { N: String(rank) }, ...attributes },
    ...(expiresAt === undefined ? {} : { expiresAt }),
  });

  describe.each(['zstd', 'gzip', 'none'])('on the frozen archive (%s)', (compression) => {
    const location = join(FIXTURES, compression);

    it('inspects and verifies it by path, URL and manifest', async () => {
      for (const place of [location, pathToFileURL(location).href, join(location, 'manifest.json')]) {
        const { code, out } = await runCli(['inspect', place, '--json']);
        expect(code).toBe(0);
        expect(jsonLines(out)).toEqual([
          expect.objectContaining({ table_name: 'Cities.v1', item_count: 50, chunks: 5 }),
        ]);
      }
      const verified = await runCli(['verify', location, '--json']);
      expect(verified.code).toBe(0);
      expect(jsonLines(verified.out)).toEqual([expect.objectContaining({ verified: true, item_count: 50 })]);
      expect((await runCli(['verify', location])).out).toMatch(/^OK: .* 50 items/);
    });

    it('prints every item with its expiry', async () => {
      const { code, out, err } = await runCli(['cat', location]);
      expect({ code, err }).toEqual({ code: 0, err: '' });
      const printed = jsonLines(out).map((line) => [canonicalText(line['Item']), line['Expires']]);
      const expected = jsonLines(await readFile(join(FIXTURES, 'expected.jsonl'), 'utf8'));
      expect(printed.sort()).toEqual(expected.map((line) => [canonicalText(line['item']), line['expiresAt']]).sort());
    });
  });

  it('prints items by key, in any spelling of a number', async () => {
    const location = join(FIXTURES, 'zstd');
    const byHash = await runCli(['cat', location, '--hash-key', 'city 0']);
    expect(jsonLines(byHash.out)).toHaveLength(7);
    const byKey = await runCli(['cat', location, '--hash-key', 'city 0', '--range-key', '7.0']);
    expect(byKey.out).toBe('{"Item":{"city":{"S":"city 0"},"note":{"S":"xxxxxxx"},"rank":{"N":"7"}}}\n');
    expect((await runCli(['cat', location, '--hash-key', 'nowhere'])).code).toBe(3);
    expect((await runCli(['cat', location, '--hash-key', 'city 0', '--range-key', 'seven'])).code).toBe(2);
    expect((await runCli(['cat', location, '--range-key', '7'])).code).toBe(2);
  });

  it('finds a flipped byte, and that nothing is there', async () => {
    const copy = join(folder, 'damaged');
    await cp(join(FIXTURES, 'none'), copy, { recursive: true });
    const chunk = (await readdir(join(copy, 'chunks')))[0] ?? '';
    const bytes = await readFile(join(copy, 'chunks', chunk));
    bytes.writeUInt8(bytes.readUInt8(20) ^ 1, 20);
    await writeFile(join(copy, 'chunks', chunk), bytes);
    const damaged = await runCli(['verify', copy, '--json']);
    expect(damaged).toMatchObject({ code: 1, out: '' });
    expect(lastJson(damaged)).toMatchObject({
      error: { type: 'ArchiveDamaged', message: expect.stringContaining(chunk) },
      exit_code: 1,
    });
    expect(await runCli(['verify', join(folder, 'nothing')])).toMatchObject({ code: 3, out: '' });
    expect(await runCli(['verify', 's3://bucket/backup'])).toMatchObject({ code: 2, out: '' });
  });

  it('shows no control character of an archive on a terminal', async () => {
    const root = join(folder, 'escapes');
    const draft = { project_id: 'red \u001b[31m\u202e' };
    await writeSampleArchive(new FilesystemObjectStore({ root }), { compression: 'none', items: [item(1)], draft });
    const { out } = await runCli(['inspect', root]);
    expect(out).toContain('red \\u{1b}[31m\\u{202e}');
    expect(out).not.toContain('\u001b');
  });

  it('takes a reader that has enough for no error', async () => {
    const closed = new Writable({
      write: (_chunk, _encoding, done) => done(Object.assign(new Error('write EPIPE'), { code: 'EPIPE' })),
    });
    expect(await runCli(['cat', join(FIXTURES, 'none')], { stdout: closed })).toEqual({ code: 0, out: '', err: '' });
    const full = new Writable({
      write: (_chunk, _encoding, done) => done(Object.assign(new Error('no space'), { code: 'ENOSPC' })),
    });
    expect((await runCli(['cat', join(FIXTURES, 'none')], { stdout: full })).code).toBe(1);
  });

  it('reads on only as fast as it is read from', async () => {
    // What is written at once is two lines, less than 800 bytes; all is more.
    const location = await archiveOf([1, 2, 3, 4, 5, 6].map((rank) => item(rank, { text: { S: 'x'.repeat(280) } })));
    const waiting: { text: string; done: () => void }[] = [];
    const slow = new Writable({
      highWaterMark: 1,
      write: (chunk: Buffer, _encoding, done) => void waiting.push({ text: chunk.toString(), done }),
    });
    const running = runCli(['cat', location], { stdout: slow });
    let ended = false;
    void running.then(() => (ended = true));
    let taken = '';
    while (!ended) {
      // Whatever can go on without us has gone on by the time that another one, which began now, has ended.
      await runCli(['cat', location]);
      expect(waiting.length).toBeLessThanOrEqual(1);
      expect(slow.writableLength).toBeLessThan(800);
      const next = waiting.shift();
      taken += next?.text ?? '';
      next?.done();
    }
    expect(jsonLines(taken)).toHaveLength(6);
  });

  describe('export to DynamoDB', () => {
    const dynamo = (location: string, output: string, ...more: string[]): Promise<CliResult> =>
      runCli(['export', location, '--to', 'dynamodb', '--output', output, ...more]);

    it('writes what the table import takes: string-keyed maps as M, no expiry, nothing that has expired', async () => {
      const location = await archiveOf([
        item(1, {
          names: { SSM: { '10': 'ten', de: 'Köln' } },
          counts: { SNM: { a: '1.5' } },
          raw: { SBM: { b: 'AA==' } },
          tags: { SS: ['x', 'y'] },
          photo: { B: '/w==' },
          numbers: { NS: ['1', '2'] },
          blobs: { BS: ['AA=='] },
        }),
        item(2, {}, 4_000_000_000),
        item(3, {}, 1),
      ]);
      for (const [compression, expand] of [
        ['gzip', gunzipSync],
        ['zstd', decompress],
        ['none', (body: Buffer) => body],
      ] as const) {
        const output = join(folder, `dynamo-${compression}`);
        const done = await dynamo(location, output, '--compression', compression, '--json');
        expect(done.code).toBe(0);
        expect(jsonLines(done.out)).toEqual([expect.objectContaining({ items: 2, files: 1, expiry_dropped: 1 })]);
        const files = await readdir(output);
        expect(files).toHaveLength(1);
        const text = (await expand(await readFile(join(output, files[0] ?? '')))).toString('utf8');
        expect(jsonLines(text).sort((a, b) => JSON.stringify(b).length - JSON.stringify(a).length)).toEqual([
          {
            Item: {
              city: { S: 'here' },
              rank: { N: '1' },
              names: { M: { '10': { S: 'ten' }, de: { S: 'Köln' } } },
              counts: { M: { a: { N: '1.5' } } },
              raw: { M: { b: { B: 'AA==' } } },
              tags: { SS: ['x', 'y'] },
              photo: { B: '/w==' },
              numbers: { NS: ['1', '2'] },
              blobs: { BS: ['AA=='] },
            },
          },
          { Item: { city: { S: 'here' }, rank: { N: '2' } } },
        ]);
      }
    });

    it('refuses by name what DynamoDB has no place for, before anything is written', async () => {
      const output = join(folder, 'refused');
      const bad: [string, Record<string, unknown>, RegExp][] = [
        ['by_number', { NSM: { '1': 'a' } }, /by_number: it is a NSM/],
        ['by_bytes', { BBM: { 'AA==': 'AA==' } }, /by_bytes: it is a BBM/],
        ['huge', { N: '1E126' }, /huge: it has a number out of the range/],
        ['tiny', { NS: ['1E-131'] }, /tiny: it has a number out of the range/],
        [
          'long',
          { SNM: { a: '1234567890123456789012345678901234567891' } },
          /long: it has a number of more than 38 digits/,
        ],
        ['unnamed', { SSM: { '': 'a' } }, /unnamed: it has an empty name/],
      ];
      for (const [name, value, message] of bad) {
        // The last item of several chunks: nothing may be written on the way to it.
        const location = await archiveOf([item(1), item(2), item(3), item(4, { [name]: value })]);
        const refused = await dynamo(location, output);
        expect(refused).toMatchObject({ code: 1, out: '', err: expect.stringMatching(message) });
        expect(await readdir(folder)).not.toContain('refused');
      }
      const fits = await archiveOf([item(1, { edge: { NS: ['9.9E125', '1E-130', '0', '-1000'] } })]);
      expect(await dynamo(fits, output)).toMatchObject({ code: 0, err: expect.stringContaining('1 items in 1 files') });
    });

    it('keeps out of a folder that holds something, and takes its files back when it fails', async () => {
      const location = await archiveOf([item(1)]);
      const output = join(folder, 'occupied');
      expect((await dynamo(location, output)).code).toBe(0);
      const before = await readdir(output);
      expect((await dynamo(location, output)).code).toBe(5);
      expect(await readdir(output)).toEqual(before);

      const parts = await PartFiles.in(join(folder, 'small'), 'none', 10);
      for (const line of ['first line\n', 'second line\n']) await parts.add(line);
      expect(await readdir(join(folder, 'small'))).toEqual(['000001.json', '000002.json']);
      await parts.discard();
      expect(await readdir(folder)).not.toContain('small');
    });
  });

  describe('export to CSV', () => {
    it('has a column for every attribute, and tells absent from empty', async () => {
      const location = await archiveOf([
        item(1, { note: { S: '' }, tags: { SS: ['a', 'b'] } }),
        item(2, { zeta: { S: 'say "hi",\nbye' }, alpha: { N: '7' } }),
        item(3, { names: { SSM: { de: 'Köln' } } }, 1),
      ]);
      const { code, out } = await runCli(['export', location, '--to', 'csv']);
      expect(code).toBe(0);
      expect(out).toBe(
        'city,rank,photo,tags,names,alpha,note,zeta\r\n' +
          'here,1,,"[""a"",""b""]",,,"",\r\n' +
          'here,2,,,,7,,"say ""hi"",\nbye"\r\n',
      );
      const path = join(folder, 'cities.csv');
      expect((await runCli(['export', location, '--to', 'csv', '--output', path])).code).toBe(0);
      expect(await readFile(path, 'utf8')).toBe(out);
      expect((await runCli(['export', location, '--to', 'csv', '--output', path])).code).toBe(5);
    });

    it('leaves no file when it is interrupted', async () => {
      const location = await archiveOf([1, 2, 3, 4, 5, 6].map((rank) => item(rank)));
      const stop = new AbortController();
      const path = join(folder, 'interrupted.csv');
      const onText = (_out: string, err: string): void => {
        if (err.includes('export')) stop.abort();
      };
      const stopped = await runCli(['export', location, '--to', 'csv', '--output', path], {
        signal: stop.signal,
        onText,
      });
      expect(stopped.code).toBe(130);
      expect((await readdir(folder)).filter((name) => name.startsWith('interrupted'))).toEqual([]);
    });
  });

  describe('help and usage', () => {
    it.each(COMMANDS.map((command) => [command.name, command] as const))(
      'explains %s with every option and an example',
      async (name, command) => {
        const { code, out } = await runCli([name, '--help']);
        expect(code).toBe(0);
        expect(out).toContain(`magnetodb-backup ${command.examples[0]}`);
        const manual = await readFile(join(__dirname, '../../docs/cli.md'), 'utf8');
        expect(manual).toContain(`\`${[name, ...command.arguments].join(' ')}\``);
        expect(out).toMatch(/^ {2}--json /m);
        for (const option of Object.keys(optionsOf(command))) {
          expect(out).toContain(`--${option}`);
          expect(manual).toContain(`--${option}`);
        }
      },
    );

    it('answers 2 for what cannot be', async () => {
      const wrong = [
        [],
        ['fly'],
        ['verify'],
        ['verify', 'a', 'b'],
        ['verify', '.', '--fly'],
        ['export', '.', '--to', 'xml'],
        ['completion', 'ksh'],
        ['list', '--limit', '0'],
      ];
      const env = { MAGNETODB_PROJECT: 'demo', MAGNETODB_TOKEN: 'x' };
      for (const argv of wrong) expect([argv, (await runCli(argv, { env })).code]).toEqual([argv, 2]);
      expect((await runCli(['fly'])).err).toBe('magnetodb-backup: there is no command fly (magnetodb-backup --help)\n');
      expect((await runCli(['verify', '.', '--fly'])).err).toBe("magnetodb-backup: Unknown option '--fly' (magnetodb-backup verify --help)\n");
      expect((await runCli(['list'], { env: { MAGNETODB_TOKEN: 'x' } })).err).toContain('MAGNETODB_PROJECT');
      expect((await runCli(['list'])).err).toMatch(/MAGNETODB_TOKEN.*OS_CLOUD.*OS_AUTH_URL/);
    });

    it('completes commands, options and choices in bash', async () => {
      const script = (await runCli(['completion', 'bash'])).out;
      const complete = async (...words: string[]): Promise<string[]> => {
        const list = words.map((word) => `'${word}'`).join(' ');
        const ask = `COMP_WORDS=(magnetodb-backup ${list}); COMP_CWORD=${words.length}; _magnetodb_backup; echo "\${COMPREPLY[@]}"`;
        const { stdout } = await run('bash', ['--norc', '-c', `${script}\n${ask}`]);
        return stdout.trim().split(' ');
      };
      expect(await complete('re')).toEqual(['restore']);
      expect(await complete('create', '--re')).toEqual(['--request-token']);
      expect(await complete('export', '.', '--to', '')).toEqual(['dynamodb', 'csv']);
      for (const shell of ['zsh', 'fish'])
        expect((await runCli(['completion', shell])).out).toContain('magnetodb-backup');
    });

    it('runs as a program', async () => {
      const program = ['-r', './test/setup/swc-register.js', 'src/cli/main.ts'];
      const cwd = join(__dirname, '../..');
      const help = await run(process.execPath, [...program, '--help'], { cwd });
      expect(help.stdout).toContain('Usage: magnetodb-backup COMMAND');
      const { version } = JSON.parse(await readFile(join(cwd, 'package.json'), 'utf8')) as { version: string };
      expect((await run(process.execPath, [...program, 'version'], { cwd })).stdout).toBe(
        `magnetodb-backup-restore/${version}\n`,
      );
      await expect(run(process.execPath, [...program, 'verify', folder], { cwd })).rejects.toMatchObject({ code: 3 });
    });
  });
});

function canonicalText(json: unknown): string {
  return canonicalItem(parseItem(json, 'item', { allowEmpty: true })).toString('utf8');
}

function lastJson({ err }: CliResult): Record<string, unknown> | undefined {
  return jsonLines(err.slice(err.lastIndexOf('{"error"'))).at(-1);
}
