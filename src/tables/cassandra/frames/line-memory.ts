/** Few blocks are on their way at a time. */
const MOST_SPARES = 8;
/** Memory is a multiple of it, so that it serves blocks of like sizes. */
const STEP_BYTES = 64 * 1024;

/**
 * Memory for lines, used again where it comes back. New memory for each block would wait for the garbage collector, which runs the more often, through all of the
 * heap, the more of it there is.
 */
export class LineMemory {
  private readonly spares: ArrayBuffer[] = [];

  take(spares: readonly ArrayBuffer[]): void {
    for (const spare of spares) if (this.spares.length < MOST_SPARES) this.spares.push(spare);
  }

  /** At least so many bytes, whatever is in them. */
  give(bytes: number): Buffer {
    const spare = this.spares.pop();
    return spare !== undefined && spare.byteLength >= bytes ? Buffer.from(spare) : Buffer.allocUnsafeSlow(Math.ceil(bytes / STEP_BYTES) * STEP_BYTES);
  }
}
