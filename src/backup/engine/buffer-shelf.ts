/**
 * Large buffers between two uses. A new one for each use would wait, dead, for the garbage collector, which is in no hurry with memory
 * outside of its heap. What lies here is held weakly: a process that is idle gets its memory back.
 */
export class BufferShelf {
  private readonly idle: WeakRef<ArrayBufferLike>[] = [];

  /** A buffer of at least so many bytes, whatever is in it. */
  take(bytes: number): Buffer {
    for (let held = this.idle.pop(); held !== undefined; held = this.idle.pop()) {
      const memory = held.deref();
      if (memory !== undefined && memory.byteLength >= bytes) return Buffer.from(memory);
    }
    return Buffer.allocUnsafeSlow(bytes);
  }

  /** Nobody looks at the memory behind this buffer any more. */
  giveBack(buffer: Buffer): void {
    this.idle.push(new WeakRef(buffer.buffer));
  }
}
