/** Limits for a zstd frame from outside. */
const MAX_WINDOW_BYTES = 8 * 1024 * 1024;
const MAX_SINGLE_SEGMENT_BYTES = 64 * 1024 * 1024;
const MAX_BLOCKS = 1024;
const MAX_BLOCK_BYTES = 128 * 1024;
const MAGIC = 0xfd2fb528;

/**
 * Walks a zstd frame (RFC 8878, 3.1.1) without decompressing it: what is wrong with it, or undefined. A block gives at most 128 KiB, so
 * bounding their number bounds what comes out, and memory with it, before the decompressor (which has no bound) is called.
 */
export function checkZstdFrame(body: Buffer): string | undefined {
  if (body.length < 6 || body.readUInt32LE(0) !== MAGIC) return 'it is no zstd frame';
  const descriptor = body.readUInt8(4);
  const singleSegment = (descriptor & 0x20) !== 0;
  if ((descriptor & 0x08) !== 0) return 'its zstd frame uses a reserved bit';
  if ((descriptor & 0x03) !== 0) return 'its zstd frame needs a dictionary';
  const sizeBytes = [singleSegment ? 1 : 0, 2, 4, 8][descriptor >> 6] ?? 0;
  const blocksAt = 5 + (singleSegment ? 0 : 1) + sizeBytes;
  if (body.length < blocksAt) return 'its zstd frame is cut off';
  if (
    singleSegment
      ? contentSize(body, 5, sizeBytes) > MAX_SINGLE_SEGMENT_BYTES
      : windowSize(body.readUInt8(5)) > MAX_WINDOW_BYTES
  ) {
    return 'its zstd frame wants too much memory';
  }
  const end = walkBlocks(body, blocksAt);
  if (typeof end === 'string') return end;
  const checksumBytes = (descriptor & 0x04) !== 0 ? 4 : 0;
  return end + checksumBytes === body.length ? undefined : 'its zstd frame is not the whole of it';
}

function walkBlocks(body: Buffer, start: number): number | string {
  let at = start;
  for (let blocks = 0; blocks < MAX_BLOCKS; blocks++) {
    if (at + 3 > body.length) return 'its zstd frame is cut off';
    const header = body.readUIntLE(at, 3);
    const size = header >> 3;
    const type = (header >> 1) & 3;
    if (type === 3 || size > MAX_BLOCK_BYTES) return 'its zstd frame has an impossible block';
    // A run-length block holds one byte, whatever size it expands to.
    at += 3 + (type === 1 ? 1 : size);
    if (at > body.length) return 'its zstd frame is cut off';
    if ((header & 1) !== 0) return at;
  }
  return 'its zstd frame has too many blocks';
}

function windowSize(windowDescriptor: number): number {
  const base = 2 ** (10 + (windowDescriptor >> 3));
  return base + (base / 8) * (windowDescriptor & 7);
}

function contentSize(body: Buffer, at: number, bytes: number): number {
  if (bytes === 8) return Number(body.readBigUInt64LE(at));
  return body.readUIntLE(at, bytes) + (bytes === 2 ? 256 : 0);
}
