import { FileHandle } from 'node:fs/promises';
import { promises as fs } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execFileSync } from 'node:child_process';
import { brokenSource, listed, readObject, sourceOf } from '../../../test/contract/object-store.contract';
import { isDomainError } from '../../kernel';
import { FilesystemObjectStore } from './filesystem-object-store';
import { storageErrorFrom } from './fs-errors';

let base: string;
let root: string;
let store: FilesystemObjectStore;

/** Every path below the base folder, folders included. */
async function everything(): Promise<string[]> {
  return (await fs.readdir(base, { recursive: true })).sort();
}

beforeEach(async () => {
  base = await fs.realpath(await fs.mkdtemp(join(tmpdir(), 'filesystem-store-')));
  root = join(base, 'demo', 'backup');
  store = new FilesystemObjectStore({ root, boundary: base, keep: base });
});
afterEach(async () => {
  jest.restoreAllMocks();
  await fs.rm(base, { recursive: true, force: true });
});

describe('folders', () => {
  it('touches nothing until the first put', async () => {
    expect(await store.head('a')).toBeUndefined();
    expect(await listed(store)).toEqual([]);
    expect(await everything()).toEqual([]);
  });

  it('leaves nothing once every object is deleted, and keeps the folder that it was told to', async () => {
    const names = ['started', 'chunks/aa/1', 'chunks/ab/2', 'manifest.json'];
    for (const name of names) await store.put(name, sourceOf(name));
    expect(await everything()).toEqual(
      [
        'demo',
        'demo/backup',
        ...['chunks', 'chunks/aa', 'chunks/ab', ...names].map((name) => `demo/backup/${name}`),
      ].sort(),
    );
    await fs.writeFile(join(base, 'demo', 'neighbour'), '');
    for (const name of names) await store.delete(name);
    expect(await everything()).toEqual(['demo', 'demo/neighbour']);
    await fs.rm(join(base, 'demo', 'neighbour'));
    await store.delete('started');
    expect(await everything()).toEqual([]);
    expect(await fs.readdir(base)).toEqual([]);
  });

  it('keeps its root when told nothing else', async () => {
    const plain = new FilesystemObjectStore({ root });
    await plain.put('a/b', sourceOf('x'));
    await plain.delete('a/b');
    expect(await everything()).toEqual(['demo', 'demo/backup']);
  });

  it('fails at once where no folder can be made', async () => {
    const nowhere = new FilesystemObjectStore({ root: '/proc/magnetodb/objects' });
    await expect(nowhere.put('manifest.json', sourceOf('x'))).rejects.toMatchObject({ code: 'StorageError' });
  });

  it('deletes folders that became empty without hurting puts into them', async () => {
    await Promise.all(
      Array.from({ length: 8 }, async (_, worker) => {
        for (let i = 0; i < 25; i++) {
          await store.put(`chunks/aa/${worker}`, sourceOf('x'));
          await store.delete(`chunks/aa/${worker}`);
        }
      }),
    );
    expect(await everything()).toEqual([]);
  });
});

describe('what a killed put leaves', () => {
  beforeEach(async () => {
    // As after a SIGKILL between open and rename, twice.
    await fs.mkdir(join(root, 'chunks', '.1.part'), { recursive: true });
    await fs.writeFile(join(root, 'chunks', '.1.part', 'x'), 'half');
    await fs.writeFile(join(root, 'chunks', '.1.part', 'y'), 'half an');
  });

  it('is no object', async () => {
    expect(await store.head('chunks/1')).toBeUndefined();
    expect(await listed(store)).toEqual([]);
  });

  it('goes with the next put of the name', async () => {
    await store.put('chunks/1', sourceOf('whole'));
    expect(String(await readObject(store, 'chunks/1'))).toBe('whole');
    expect(await fs.readdir(join(root, 'chunks'))).toEqual(['1']);
  });

  it('goes with the delete of the name', async () => {
    await store.delete('chunks/1');
    expect(await everything()).toEqual([]);
  });
});

describe('bad days', () => {
  async function failWrites(code: string): Promise<void> {
    const open = fs.open.bind(fs);
    jest.spyOn(fs, 'open').mockImplementation(async (path, flags, mode) => {
      const file: FileHandle = await open(path, flags, mode);
      if (flags === 'wx') {
        jest
          .spyOn(file, 'write')
          .mockRejectedValue(Object.assign(new Error(`${code}: no luck, write '${String(path)}'`), { code }));
      }
      return file;
    });
  }

  it.each(['ENOSPC', 'EDQUOT'])('a full disk (%s) is StorageFull, and no part is left', async (code) => {
    await failWrites(code);
    const error = await store.put('chunks/1', sourceOf('x')).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'StorageFull', transient: false });
    expect(String(error)).not.toContain(base);
    expect(await everything()).toEqual([]);
  });

  it.each([
    ['EACCES', false],
    ['EROFS', false],
    ['EIO', false],
    ['EMFILE', true],
    ['ESTALE', true],
  ])('%s is StorageError (transient: %s) and names no path', async (code, transient) => {
    await failWrites(code);
    const error = await store.put('chunks/1', sourceOf('x')).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'StorageError', transient, message: expect.stringContaining(code) });
    expect(String(error)).not.toContain(base);
  });

  it('a broken source leaves no part behind', async () => {
    await expect(store.put('chunks/1', brokenSource(100, 200, new Error('gone')))).rejects.toMatchObject({
      code: 'StorageError',
    });
    expect(await everything()).toEqual([]);
  });

  it('an object deleted while it is put is a transient error', async () => {
    const rename = fs.rename.bind(fs);
    jest.spyOn(fs, 'rename').mockImplementationOnce(async (from, to) => {
      await store.delete('chunks/1');
      await rename(from, to);
    });
    await expect(store.put('chunks/1', sourceOf('x'))).rejects.toMatchObject({ code: 'StorageError', transient: true });
    expect(await everything()).toEqual([]);
  });

  it('a read that fails in the middle names no path', async () => {
    await store.put('a', sourceOf(Buffer.alloc(1_000_000)));
    const open = fs.open.bind(fs);
    jest.spyOn(fs, 'open').mockImplementation(async (path, flags) => {
      const file = await open(path, flags);
      jest
        .spyOn(file, 'read')
        .mockRejectedValue(Object.assign(new Error(`EIO: read '${String(path)}'`), { code: 'EIO' }));
      return file;
    });
    const error: unknown = await readObject(store, 'a').catch((thrown: unknown) => thrown);
    expect(isDomainError(error, 'StorageError')).toBe(true);
    expect(String(error)).not.toContain(base);
  });

  it('a folder where a file is, is an error of put and a missing object to others', async () => {
    await store.put('a', sourceOf('x'));
    await expect(store.put('a/b', sourceOf('x'))).rejects.toMatchObject({ code: 'StorageError' });
    expect(await store.head('a/b')).toBeUndefined();
    expect(await store.get('a/b')).toBeUndefined();
    await store.delete('a/b');
    expect(String(await readObject(store, 'a'))).toBe('x');
  });

  it('keeps the original error for the log and gives domain errors back unchanged', () => {
    const cause = Object.assign(new Error('EACCES: /secret'), { code: 'EACCES' });
    const error = storageErrorFrom(cause);
    expect(error.cause).toBe(cause);
    expect(storageErrorFrom(error)).toBe(error);
    expect(storageErrorFrom('odd')).toMatchObject({ code: 'StorageError', transient: false });
  });
});

describe('hostile neighbours', () => {
  let outside: string;
  beforeEach(async () => {
    outside = await fs.realpath(await fs.mkdtemp(join(tmpdir(), 'outside-')));
    await fs.writeFile(join(outside, 'prey'), 'secret');
    await fs.mkdir(root, { recursive: true });
  });
  afterEach(() => fs.rm(outside, { recursive: true, force: true }));

  it('refuses a folder that is a link out of the boundary, for every operation', async () => {
    await fs.symlink(outside, join(root, 'chunks'));
    const refused = { code: 'StorageError' };
    await expect(store.get('chunks/prey')).rejects.toMatchObject(refused);
    await expect(store.head('chunks/prey')).rejects.toMatchObject(refused);
    await expect(store.put('chunks/new/x', sourceOf('x'))).rejects.toMatchObject(refused);
    await expect(store.delete('chunks/prey')).rejects.toMatchObject(refused);
    await expect(listed(store, 'chunks/')).rejects.toMatchObject(refused);
    expect(await listed(store)).toEqual([]);
    expect(await fs.readdir(outside)).toEqual(['prey']);
  });

  it('takes a link for no object, and deletes only the link', async () => {
    await fs.symlink(join(outside, 'prey'), join(root, 'object'));
    expect(await store.get('object')).toBeUndefined();
    expect(await store.head('object')).toBeUndefined();
    expect(await listed(store)).toEqual([]);
    await store.put('object', sourceOf('mine'));
    expect(await fs.readFile(join(outside, 'prey'), 'utf8')).toBe('secret');
    await store.delete('object');
    expect(await fs.readdir(outside)).toEqual(['prey']);
  });

  it('refuses a root that is a link out of the boundary, and a link that leads nowhere yet', async () => {
    await fs.rmdir(root);
    await fs.symlink(outside, root);
    await expect(store.get('prey')).rejects.toMatchObject({ code: 'StorageError' });
    await fs.unlink(root);
    await fs.symlink(join(outside, 'later'), root);
    await expect(store.put('a', sourceOf('x'))).rejects.toMatchObject({ code: 'StorageError' });
    expect(await fs.readdir(outside)).toEqual(['prey']);
  });

  it('follows links that stay inside, and an operator’s link above the boundary', async () => {
    await fs.mkdir(join(base, 'demo', 'real'));
    await fs.symlink('../real', join(root, 'chunks'));
    await store.put('chunks/a', sourceOf('x'));
    expect(String(await readObject(store, 'chunks/a'))).toBe('x');
    await fs.symlink(base, join(outside, 'link'));
    const linked = new FilesystemObjectStore({ root: join(outside, 'link', 'demo'), boundary: join(outside, 'link') });
    expect(String(await readObject(linked, 'real/a'))).toBe('x');
  });

  it('is not held up by a pipe', async () => {
    execFileSync('mkfifo', [join(root, 'object')]);
    expect(await store.get('object')).toBeUndefined();
    expect(await store.head('object')).toBeUndefined();
    expect(await listed(store)).toEqual([]);
  });
});

it('gives file URLs that lead to the objects', async () => {
  const odd = new FilesystemObjectStore({ root: join(base, 'with space %') });
  await odd.put('a/b.json', sourceOf('x'));
  expect(odd.url('')).toBe(`file://${base}/with%20space%20%25`);
  expect(await fs.readFile(new URL(odd.url('a/b.json')), 'utf8')).toBe('x');
});

it('syncs an object before its name appears, and its folders after', async () => {
  const steps: string[] = [];
  const open = fs.open.bind(fs);
  jest.spyOn(fs, 'open').mockImplementation(async (path, flags, mode) => {
    const file = await open(path, flags, mode);
    const sync = file.sync.bind(file);
    jest.spyOn(file, 'sync').mockImplementation(async () => {
      steps.push(`sync ${flags === 'wx' ? 'part' : String(path).slice(base.length)}`);
      await sync();
    });
    return file;
  });
  const rename = fs.rename.bind(fs);
  jest.spyOn(fs, 'rename').mockImplementation(async (from, to) => {
    steps.push(`rename ${String(to).slice(base.length)}`);
    await rename(from, to);
  });
  await store.put('a', sourceOf('x'));
  expect(steps).toEqual([
    'sync ',
    'sync /demo',
    'sync /demo/backup',
    'sync part',
    'rename /demo/backup/a',
    'sync /demo/backup',
  ]);
});
