import { ArchiveManifest, readChunk, readChunkEntries, readManifest } from '../archive';
import { DecodedItem } from '../kernel';
import { ObjectStore } from '../storage';
import { Call } from './command';
import { openLocation } from './location';
import { ProgressBar } from './progress';

/** A backup at its location, read without any server. */
export class OpenArchive {
  private constructor(
    readonly manifest: ArchiveManifest,
    private readonly store: ObjectStore,
    private readonly call: Call,
  ) {}

  /** @throws DomainError BackupNotExists, ArchiveDamaged, ArchiveUnsupported; CliError */
  static async of(call: Call): Promise<OpenArchive> {
    const store = openLocation(call.required(0), call.io.cwd);
    return new OpenArchive(await readManifest(store, call.io.signal), store, call);
  }

  /** All items in batches; every chunk's digests are proved on the way. `label` names the work in the progress; without one none is shown. */
  async *batches(label?: string): AsyncGenerator<readonly DecodedItem[]> {
    const { manifest, store, call } = this;
    const bar = new ProgressBar(call.io);
    let done = 0;
    try {
      for await (const entry of readChunkEntries(store, manifest, call.io.signal)) {
        for await (const batch of readChunk(store, entry, manifest.schema, call.io.signal)) {
          yield batch;
          call.io.signal.throwIfAborted();
        }
        done += entry.items;
        if (label !== undefined) await bar.show({ label, done, total: manifest.item_count });
      }
    } finally {
      await bar.end();
    }
  }

  /** As `batches`, without the items that have expired by `now` (milliseconds since the epoch): no copy may bring them back. */
  async *alive(label: string | undefined, now: number): AsyncGenerator<readonly DecodedItem[]> {
    for await (const batch of this.batches(label)) {
      yield batch.filter((item) => item.expiresAt === undefined || item.expiresAt * 1000 > now);
    }
  }
}
