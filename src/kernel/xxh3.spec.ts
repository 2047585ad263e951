import { xxh3 } from '@node-rs/xxhash';
import { randomBytes } from 'node:crypto';
import { digest128Of, xxh128, xxh128TopByte } from './xxh3';

describe('XXH3-128 in WebAssembly', () => {
  // The library's ways part at 0, 3, 8, 16, 32, 64, 96, 128, 160, 192, 224 and 240 bytes, and at each 1,024.
  const lengths = [...Array(1300).keys(), 2047, 2048, 2049, 4096, 65_535, 65_536, 70_000, 1_000_001, 4_194_304];

  it('is what the C library says, for every way that it has', () => {
    for (const length of lengths) {
      const bytes = randomBytes(length);
      expect({ length, digest: xxh128(bytes).value }).toEqual({ length, digest: xxh3.xxh128(bytes) });
      expect(xxh128TopByte(bytes)).toBe(Number(xxh3.xxh128(bytes) >> 120n));
    }
  });

  it('comes from a number of 128 bits and goes there', () => {
    for (const value of [0n, 1n, (1n << 31n) - 1n, 1n << 31n, 1n << 127n, (1n << 128n) - 1n]) expect(digest128Of(value).value).toBe(value);
  });
});
