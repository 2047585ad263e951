import { FileHandle } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { storageErrorFrom } from './fs-errors';

const PIECE_BYTES = 128 * 1024;

/** Reads a range of an open file and closes it. Unlike Node's own stream, its errors are domain errors, without a path. */
export class FileStream extends Readable {
  constructor(
    private readonly file: FileHandle,
    private position: number,
    private readonly end: number,
    signal: AbortSignal | undefined,
  ) {
    super({ highWaterMark: PIECE_BYTES, signal });
  }

  override _read(): void {
    const length = Math.min(PIECE_BYTES, this.end - this.position);
    if (length <= 0) {
      this.push(null);
      return;
    }
    this.file.read(Buffer.allocUnsafe(length), 0, length, this.position).then(
      ({ bytesRead, buffer }) => {
        this.position += bytesRead;
        this.push(bytesRead === 0 ? null : buffer.subarray(0, bytesRead));
      },
      (error: unknown) => this.destroy(storageErrorFrom(error)),
    );
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    this.file.close().then(
      () => callback(error),
      (closing: unknown) => callback(error ?? storageErrorFrom(closing)),
    );
  }
}
