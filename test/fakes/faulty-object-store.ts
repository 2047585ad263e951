import { Readable, Transform, pipeline } from 'node:stream';
import { DomainError, ErrorCode } from '../../src/kernel';
import { GetOptions, ObjectInfo, ObjectSource, ObjectStore, ObjectStoreCapabilities } from '../../src/storage';

export type StoreOperation = 'put' | 'get' | 'head' | 'delete' | 'list';

/** Where in a call a callback runs: before the store is asked, in the middle of a stream, after the store has answered. */
export type StorePoint = `${StoreOperation}:before` | `${StoreOperation}:after` | 'put:middle' | 'get:middle';

/** Which calls a fault hits. Everything that is left out matches. */
export interface FaultTarget {
  readonly operation?: StoreOperation;
  /** Object name (of a list: the prefix): equal to the text, or matching the expression. */
  readonly name?: string | RegExp;
  /** How many calls are hit; the later ones go through. Default: all. */
  readonly times?: number;
}

interface Fault {
  readonly target: FaultTarget;
  left: number;
}

/**
 * An object store on which things go wrong, on order, around a real one. Faults add up; each method may be called again and again, also
 * between calls. `calls` records every call that was made, the failed ones too.
 *
 *     const store = new FaultyObjectStore(new MemoryObjectStore());
 *     store.failTransiently({ operation: 'put', times: 2 });           // two puts fail, and could be tried again
 *     store.fail({ operation: 'get', name: /manifest/ }, 'StorageError');
 *     store.breakReads({ name: /chunks/, times: 1 }, 1000);            // a transient error behind 1000 bytes
 *     store.truncateReads({ name: /chunks/ }, 1000);                   // ends well behind 1000 bytes, as if that were all
 *     store.flipBit('chunks/ab/…', 17, 3);                             // bit 3 of byte 17 is wrong in every read of it
 *     store.slow({ operation: 'get' }, gate);                          // every piece waits for gate()
 *     store.diskFullAfter(1_000_000);                                  // StorageFull once so many bytes were put
 *     store.hideFromListing(/chunks/);                                 // the listing is late
 *     store.at('put:after', 'manifest.json', () => crash());           // a callback at a named point; may throw or wait
 *     store.heal();                                                    // all is well again
 */
export class FaultyObjectStore implements ObjectStore {
  readonly calls: { readonly operation: StoreOperation; readonly name: string }[] = [];
  private failures: (Fault & { readonly error: () => DomainError })[] = [];
  private cuts: (Fault & { readonly bytes: number; readonly broken: boolean })[] = [];
  private flips: { readonly name: string; readonly offset: number; readonly bit: number }[] = [];
  private gates: (Fault & { readonly wait: () => Promise<void> })[] = [];
  private callbacks: {
    readonly point: StorePoint;
    readonly name: string | RegExp;
    readonly run: (name: string) => unknown;
  }[] = [];
  private hidden: RegExp[] = [];
  private room = Number.POSITIVE_INFINITY;

  constructor(private readonly inner: ObjectStore) {}

  get capabilities(): ObjectStoreCapabilities {
    return this.inner.capabilities;
  }

  /** Calls fail with a `StorageError` that a retry may cure. */
  failTransiently(target: FaultTarget): void {
    const error = (): DomainError =>
      new DomainError('StorageError', 'the object store is away (injected)', { transient: true });
    this.failures.push({ ...fault(target), error });
  }

  /** Calls fail for good. */
  fail(target: FaultTarget, code: ErrorCode = 'StorageError'): void {
    this.failures.push({ ...fault(target), error: () => new DomainError(code, 'the object store refuses (injected)') });
  }

  /** Streams of `get` break with a transient error once so many bytes of the asked range were given. */
  breakReads(target: Omit<FaultTarget, 'operation'>, bytes: number): void {
    this.cuts.push({ ...fault(target), bytes, broken: true });
  }

  /** Streams of `get` end too early and without an error. */
  truncateReads(target: Omit<FaultTarget, 'operation'>, bytes: number): void {
    this.cuts.push({ ...fault(target), bytes, broken: false });
  }

  /** Every read of the object gives this bit (0–7) of the byte at this offset inverted. */
  flipBit(name: string, offset: number, bit = 0): void {
    this.flips.push({ name, offset, bit });
  }

  /** Every piece of the streams that are hit waits for `wait` (operation `put` or `get`; default both). */
  slow(target: FaultTarget, wait: () => Promise<void>): void {
    this.gates.push({ ...fault(target), wait });
  }

  /** From now on so many bytes can be put; then every put fails with `StorageFull`. Deletes free nothing. */
  diskFullAfter(bytes: number): void {
    this.room = bytes;
  }

  /** Objects whose name matches are left out of listings, as on a store that lists late. */
  hideFromListing(names: RegExp): void {
    this.hidden.push(names);
  }

  /** Runs a callback whenever a call comes to the point. What it throws is thrown to the caller; it is waited for. */
  at(point: StorePoint, name: string | RegExp, run: (name: string) => unknown): void {
    this.callbacks.push({ point, name, run });
  }

  /** Ends all faults and callbacks; `calls` stays. */
  heal(): void {
    this.failures = [];
    this.cuts = [];
    this.flips = [];
    this.gates = [];
    this.callbacks = [];
    this.hidden = [];
    this.room = Number.POSITIVE_INFINITY;
  }

  async put(name: string, source: ObjectSource, signal?: AbortSignal): Promise<void> {
    await this.begin('put', name);
    const wait = this.gateOf('put', name);
    const open = (start?: number, end?: number): Readable =>
      through(source.open(start, end), async (piece) => {
        await wait();
        await this.run('put:middle', name);
        this.room -= piece.length;
        if (this.room < 0) throw new DomainError('StorageFull', 'no room left in the object store (injected)');
        return piece;
      });
    await this.inner.put(name, { size: source.size, open }, signal);
    await this.run('put:after', name);
  }

  async get(name: string, options: GetOptions = {}): Promise<Readable | undefined> {
    await this.begin('get', name);
    const stream = await this.inner.get(name, options);
    await this.run('get:after', name);
    return stream && this.spoilt(stream, name, options.start ?? 0);
  }

  async head(name: string, signal?: AbortSignal): Promise<ObjectInfo | undefined> {
    await this.begin('head', name);
    const info = await this.inner.head(name, signal);
    await this.run('head:after', name);
    return info;
  }

  async delete(name: string, signal?: AbortSignal): Promise<void> {
    await this.begin('delete', name);
    await this.inner.delete(name, signal);
    await this.run('delete:after', name);
  }

  async *list(prefix: string, signal?: AbortSignal): AsyncIterable<string> {
    await this.begin('list', prefix);
    for await (const name of this.inner.list(prefix, signal)) {
      if (!this.hidden.some((names) => names.test(name))) yield name;
    }
    await this.run('list:after', prefix);
  }

  url(name: string): string {
    return this.inner.url(name);
  }

  private async begin(operation: StoreOperation, name: string): Promise<void> {
    this.calls.push({ operation, name });
    await this.run(`${operation}:before`, name);
    const failure = take(this.failures, operation, name);
    if (failure) throw failure.error();
  }

  private async run(point: StorePoint, name: string): Promise<void> {
    for (const callback of this.callbacks) {
      if (callback.point === point && matches(callback.name, name)) await callback.run(name);
    }
  }

  private gateOf(operation: StoreOperation, name: string): () => Promise<void> {
    return take(this.gates, operation, name)?.wait ?? (async () => undefined);
  }

  private spoilt(stream: Readable, name: string, start: number): Readable {
    const cut = take(this.cuts, 'get', name);
    const wait = this.gateOf('get', name);
    let position = start;
    return through(stream, async (piece) => {
      await wait();
      await this.run('get:middle', name);
      const bytes = Buffer.from(piece);
      for (const flip of this.flips) {
        const at = flip.offset - position;
        if (flip.name === name && at >= 0 && at < bytes.length)
          bytes.writeUInt8(bytes.readUInt8(at) ^ (1 << flip.bit), at);
      }
      const left = cut ? Math.max(0, start + cut.bytes - position) : bytes.length;
      position += bytes.length;
      if (left >= bytes.length) return bytes;
      if (cut?.broken) throw new DomainError('StorageError', 'the connection broke (injected)', { transient: true });
      return bytes.subarray(0, left);
    });
  }
}

function fault(target: FaultTarget): Fault {
  return { target, left: target.times ?? Number.POSITIVE_INFINITY };
}

function matches(wanted: string | RegExp | undefined, name: string): boolean {
  if (wanted === undefined) return true;
  return typeof wanted === 'string' ? wanted === name : wanted.test(name);
}

/** The first fault that hits this call and is not used up; it is used once more. */
function take<T extends Fault>(faults: readonly T[], operation: StoreOperation, name: string): T | undefined {
  const found = faults.find(
    ({ target, left }) => left > 0 && (target.operation ?? operation) === operation && matches(target.name, name),
  );
  if (found) found.left--;
  return found;
}

/** A stream through a function for each piece; an error or a destroyed end takes the other end with it. */
function through(stream: Readable, each: (piece: Buffer) => Promise<Buffer>): Readable {
  const transform = new Transform({
    transform(piece: Buffer, _encoding, callback) {
      each(piece).then(
        (bytes) => callback(null, bytes.length > 0 ? bytes : undefined),
        (error: unknown) => callback(error instanceof Error ? error : new Error(String(error))),
      );
    },
  });
  // The error reaches whoever reads the result; here it needs only to take the source down.
  return pipeline(stream, transform, () => undefined);
}
