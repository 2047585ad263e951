import { encodeNativeChunk } from '../../archive';
import { DomainError } from '../../kernel';
import { NativeSnapshot } from '../../tables';
import { CopyProgress } from './backup-ledger';
import { BackupContext, ChunkFormat, storeChunks } from './portable-backup';

/**
 * Copies all parts of a snapshot, as many at once as there are streams to be had. Rejects with the first error, once every stream has
 * come to an end.
 */
export async function copySnapshot(
  context: BackupContext,
  snapshot: NativeSnapshot,
  options: ChunkFormat & { readonly streams: number },
  progress: Omit<CopyProgress, 'cursor' | 'pace'>,
): Promise<void> {
  const failure = new AbortController();
  const signal = AbortSignal.any([progress.signal, failure.signal]);
  const format = { ...options, encode: encodeNativeChunk };
  let next = 0;
  const work = async (first: boolean): Promise<void> => {
    try {
      // What is not to be had beside the first is done without.
      const stream = await (first ? snapshot.openStream() : snapshot.openStream().catch(() => undefined));
      if (stream === undefined && first) throw new DomainError('InternalError', 'a snapshot has no first stream');
      if (stream === undefined) return;
      for (let part = next++; part < snapshot.partCount; part = next++) {
        signal.throwIfAborted();
        await storeChunks(context, stream.read(part, signal), part, format, { ...progress, signal });
      }
    } catch (error) {
      failure.abort(error);
    }
  };
  const streams = Math.max(1, Math.min(options.streams, snapshot.partCount));
  await Promise.all(Array.from({ length: streams }, (_, index) => work(index === 0)));
  signal.throwIfAborted();
}
