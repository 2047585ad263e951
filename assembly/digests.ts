import { hash128, high, low } from './xxh3';

/** Bytes to hash stand here, and behind here: memory grows as they need. */
const INPUT: usize = 4096;

/** Where the caller writes the bytes. Makes room for so many. */
export function inputFor(length: usize): usize {
  const pages = (INPUT + length + 0xffff) >> 16;
  if (pages > <usize>memory.size()) memory.grow(<i32>(pages - <usize>memory.size()));
  return INPUT;
}

/** The digest of the first bytes of the input, as four words of 32 bits at address 0, least first. */
export function digest(length: usize): void {
  hash128(INPUT, length);
  store<u64>(0, low);
  store<u64>(8, high);
}
