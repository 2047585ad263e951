import { Readable } from 'node:stream';
import { ArchiveSource, ArchiveStore } from '../../src/archive';

/** An archive's store as a plain Map, to be looked into and tampered with; every change is logged in order. */
export class MapArchiveStore implements ArchiveStore {
  readonly log: string[] = [];
  /** Once so many changes are made, every further one throws, as after a crash. */
  changesLeft = Number.POSITIVE_INFINITY;

  constructor(readonly objects: Map<string, Buffer> = new Map()) {}

  copy(): MapArchiveStore {
    return new MapArchiveStore(new Map(this.objects));
  }

  async put(name: string, source: ArchiveSource): Promise<void> {
    const body = Buffer.concat(await source.open().toArray());
    if (body.length !== source.size) throw new Error('wrong size');
    this.change(`put ${name}`);
    this.objects.set(name, body);
  }

  async get(name: string): Promise<Readable | undefined> {
    const body = this.objects.get(name);
    if (body === undefined) return undefined;
    const half = body.length >> 1;
    return Readable.from([body.subarray(0, half), body.subarray(half)], { objectMode: false });
  }

  async delete(name: string): Promise<void> {
    this.change(`delete ${name}`);
    this.objects.delete(name);
  }

  // As late as a listing may be: it never shows anything.
  async *list(_prefix: string): AsyncGenerator<string> {
    yield* [];
  }

  private change(what: string): void {
    if (this.changesLeft <= 0) throw new Error('crashed');
    this.changesLeft--;
    this.log.push(what);
  }
}
