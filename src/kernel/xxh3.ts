import { CODE } from './digests.wasm';
import { WasmMemory, instantiate } from './wasm';

/** As assembly/digests.ts exports them. */
interface Digests {
  readonly memory: WasmMemory;
  /** Where to write so many bytes. Memory may grow. */
  inputFor(length: number): number;
  /** Leaves the digest of the first bytes at address 0. */
  digest(length: number): void;
}

/** Room for what is usual; longer input makes more. */
const USUAL_BYTES = 64 * 1024;

const digests = instantiate<Digests>(CODE);
const input = digests.inputFor(USUAL_BYTES);
let memory = new Uint8Array(digests.memory.buffer);
let words = new Int32Array(digests.memory.buffer, 0, 4);

/** 128 bits: four signed words of 32, least first, which V8 keeps without memory of their own. */
export class Digest128 {
  constructor(
    readonly word0: number,
    readonly word1: number,
    readonly word2: number,
    readonly word3: number,
  ) {}

  get value(): bigint {
    const upper = (BigInt(this.word3 >>> 0) << 32n) | BigInt(this.word2 >>> 0);
    return (upper << 64n) | (BigInt(this.word1 >>> 0) << 32n) | BigInt(this.word0 >>> 0);
  }
}

/** Modulo 2^128. */
export function digest128Of(value: bigint): Digest128 {
  const word = (index: number): number => Number(BigInt.asIntN(32, value >> BigInt(32 * index)));
  return new Digest128(word(0), word(1), word(2), word(3));
}

/**
 * XXH3-128 (seed 0). In WebAssembly, since bindings of the C library take ten times as long to be called as to hash an item.
 */
export function xxh128(bytes: Uint8Array): Digest128 {
  hash(bytes);
  return new Digest128(words[0] ?? 0, words[1] ?? 0, words[2] ?? 0, words[3] ?? 0);
}

/** Its topmost byte. */
export function xxh128TopByte(bytes: Uint8Array): number {
  hash(bytes);
  return (words[3] ?? 0) >>> 24;
}

function hash(bytes: Uint8Array): void {
  if (bytes.length > memory.length - input) {
    digests.inputFor(bytes.length);
    memory = new Uint8Array(digests.memory.buffer);
    words = new Int32Array(digests.memory.buffer, 0, 4);
  }
  memory.set(bytes, input);
  digests.digest(bytes.length);
}
