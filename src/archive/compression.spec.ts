import { execFileSync } from 'node:child_process';
import { deflateSync, gzipSync } from 'node:zlib';
import { compress } from '@mongodb-js/zstd';
import fc from 'fast-check';
import { compressBytes, decompressBytes } from './compression';
import { COMPRESSIONS } from './object-names';
import { checkZstdFrame } from './zstd-frame';

const damaged = expect.objectContaining({ code: 'ArchiveDamaged', message: expect.stringContaining('chunks/x') });

/** A frame header (window 2 MiB, no checksum), then blocks. */
function frame(...blocks: Buffer[]): Buffer {
  return Buffer.concat([Buffer.from('28b52ffd0058', 'hex'), ...blocks]);
}

function block(type: 0 | 1 | 2 | 3, size: number, content: Buffer, last = false): Buffer {
  const header = Buffer.alloc(3);
  header.writeUIntLE((size << 3) | (type << 1) | (last ? 1 : 0), 0, 3);
  return Buffer.concat([header, content]);
}

const runs = (count: number, size: number) =>
  Array.from({ length: count }, (_, index) => block(1, size, Buffer.from('a'), index === count - 1));

describe('compression', () => {
  it.each(COMPRESSIONS)('%s gives back what it was given', async (compression) => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 5000 }), async (bytes) => {
        const raw = Buffer.from(bytes);
        const body = await compressBytes(raw, compression);
        expect((await decompressBytes('chunks/x', body, compression, raw.length)).equals(raw)).toBe(true);
        await expect(decompressBytes('chunks/x', body, compression, raw.length + 1)).rejects.toEqual(damaged);
        if (raw.length > 0)
          await expect(decompressBytes('chunks/x', body, compression, raw.length - 1)).rejects.toEqual(damaged);
      }),
    );
  });

  it('takes 64 MiB of anything, well or badly compressible', async () => {
    const size = 64 * 1024 * 1024;
    for (const raw of [
      Buffer.alloc(size, 'item'),
      Buffer.from(Buffer.alloc(size).map((_, index) => (index * 2654435761) >>> 11)),
    ]) {
      const body = await compressBytes(raw, 'zstd');
      expect((await decompressBytes('chunks/x', body, 'zstd', size)).equals(raw)).toBe(true);
    }
  });
});

describe('gzip from outside', () => {
  it('is refused if it expands further than it says', async () => {
    // Broken off on the way, not looked at once all of it is in memory.
    await expect(decompressBytes('chunks/x', gzipSync(Buffer.alloc(50_000_000)), 'gzip', 1000)).rejects.toThrow(
      'chunks/x is damaged: it cannot be decompressed',
    );
  });

  it.each([
    ['cut off', gzipSync('hello').subarray(0, -1)],
    ['followed by something', Buffer.concat([gzipSync('hello'), Buffer.from('x')])],
    ['followed by zeros', Buffer.concat([gzipSync('hello'), Buffer.alloc(5)])],
    ['another format', deflateSync('hello')],
    ['empty', Buffer.alloc(0)],
  ])('is refused if it is %s', async (_what, body) => {
    await expect(decompressBytes('chunks/x', body, 'gzip', 5)).rejects.toEqual(damaged);
  });
});

describe('zstd from outside', () => {
  it('is taken from any writer of the format', () => {
    const text = 'line\n'.repeat(200_000);
    for (const level of ['-1', '-19', '--fast=5', '--no-check']) {
      const body = execFileSync('zstd', ['-q', '-c', level], { input: text });
      expect(checkZstdFrame(body)).toBeUndefined();
    }
  });

  it.each([
    ['cut off in a header', frame().subarray(0, 5)],
    ['cut off before its blocks', frame()],
    ['cut off in a block', frame(block(0, 10, Buffer.from('abc')))],
    ['no zstd', Buffer.from('not zstd at all')],
    ['with a reserved bit', Buffer.from('28b52ffd0858', 'hex')],
    ['with a dictionary', Buffer.from('28b52ffd015801010000', 'hex')],
    ['with a reserved block', frame(block(3, 1, Buffer.from('a'), true))],
    ['with a block of over 128 KiB', frame(...runs(1, 128 * 1024 + 1))],
    ['a bomb of many blocks', frame(...runs(2000, 128 * 1024))],
    ['with a window of 16 MiB', Buffer.concat([Buffer.from('28b52ffd0070', 'hex'), ...runs(1, 5)])],
    ['with a single segment of 1 GiB', Buffer.concat([Buffer.from('28b52ffda000000040', 'hex'), ...runs(1, 5)])],
    ['followed by something', Buffer.concat([frame(...runs(1, 5)), Buffer.from('x')])],
    ['two frames', Buffer.concat([frame(...runs(1, 5)), frame(...runs(1, 5))])],
    ['a skippable frame', Buffer.from('502a4d180100000000', 'hex')],
    ['empty', Buffer.alloc(0)],
  ])('is refused if it is %s', async (_what, body) => {
    expect(checkZstdFrame(body)).toEqual(expect.any(String));
    await expect(decompressBytes('chunks/x', body, 'zstd', 5)).rejects.toEqual(damaged);
  });

  it('is refused if its frame is sound and its blocks are not', async () => {
    const body = frame(block(2, 3, Buffer.from('abc'), true));
    expect(checkZstdFrame(body)).toBeUndefined();
    await expect(decompressBytes('chunks/x', body, 'zstd', 5)).rejects.toEqual(damaged);
  });

  it('counts what a block gives, and nothing else: a sound frame by hand', async () => {
    const body = frame(block(0, 2, Buffer.from('ab')), block(1, 3, Buffer.from('c'), true));
    expect((await decompressBytes('chunks/x', body, 'zstd', 5)).toString()).toBe('abccc');
    expect(checkZstdFrame(await compress(Buffer.alloc(0)))).toBeUndefined();
  });
});
