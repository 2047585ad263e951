import { gunzip, gzip } from 'node:zlib';
import { compress as zstdCompress, decompress as zstdDecompress } from '@mongodb-js/zstd';
import { damaged } from './archive-store';
import { Compression } from './object-names';
import { checkZstdFrame } from './zstd-frame';

/** Compresses a chunk's lines, off the main thread. */
export async function compressBytes(raw: Buffer, compression: Compression): Promise<Buffer> {
  if (compression === 'zstd') return zstdCompress(raw);
  if (compression === 'none') return raw;
  return new Promise((resolve, reject) => {
    gzip(raw, (error, body) => (error ? reject(error) : resolve(body)));
  });
}

/**
 * Decompresses a chunk from outside, off the main thread, into exactly `rawBytes`. Bombs are refused before they go off.
 * @throws DomainError ArchiveDamaged
 */
export async function decompressBytes(
  name: string,
  body: Buffer,
  compression: Compression,
  rawBytes: number,
): Promise<Buffer> {
  const raw = await expand(name, body, compression, rawBytes);
  if (raw.length !== rawBytes) throw damaged(name, 'is damaged: its size before compression differs');
  return raw;
}

async function expand(name: string, body: Buffer, compression: Compression, rawBytes: number): Promise<Buffer> {
  if (compression === 'none') return body;
  if (compression === 'gzip') return gunzipWhole(name, body, rawBytes);
  const problem = checkZstdFrame(body);
  if (problem !== undefined) throw damaged(name, `is damaged: ${problem}`);
  try {
    return await zstdDecompress(body);
  } catch {
    throw damaged(name, 'is damaged: it cannot be decompressed');
  }
}

function gunzipWhole(name: string, body: Buffer, rawBytes: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const options = { maxOutputLength: Math.max(1, rawBytes), info: true };
    gunzip(body, options, (error, result) => {
      if (error) return reject(damaged(name, 'is damaged: it cannot be decompressed'));
      // With `info`, Node answers the buffer and the engine; its types know of the buffer only.
      const { buffer, engine } = result as unknown as { buffer: Buffer; engine: { bytesWritten: number } };
      if (engine.bytesWritten !== body.length)
        return reject(damaged(name, 'is damaged: something lies behind its end'));
      resolve(buffer);
    });
  });
}
