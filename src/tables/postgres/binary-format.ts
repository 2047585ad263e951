/**
 * PostgreSQL's binary formats, as far as they are needed here (manual: COPY, "Binary Format"; for arrays the server's `array_send`):
 * copies of rows of `bytea` and `bigint`, and parameters of type `bytea[]` and `bigint[]`.
 */

export type BinaryField = Buffer | number | null;

const SIGNATURE = Buffer.from('PGCOPY\n\xff\r\n\0', 'latin1');
const HEADER_BYTES = SIGNATURE.length + 8;
const BYTEA_OID = 17;
const BIGINT_OID = 20;
const TWO_32 = 2 ** 32;

function fieldBytes(field: BinaryField): number {
  if (field === null) return 0;
  return typeof field === 'number' ? 8 : field.length;
}

/** Writes the field with its length before it; returns the offset behind it. */
function writeField(target: Buffer, offset: number, field: BinaryField): number {
  if (field === null) return target.writeInt32BE(-1, offset);
  const start = target.writeInt32BE(fieldBytes(field), offset);
  if (typeof field === 'number') {
    target.writeInt32BE(Math.floor(field / TWO_32), start);
    return target.writeUInt32BE(field - Math.floor(field / TWO_32) * TWO_32, start + 4);
  }
  target.set(field, start);
  return start + field.length;
}

/** A safe integer from the eight bytes of a `bigint`. */
export function readBigint(field: Buffer): number {
  return field.readInt32BE(0) * TWO_32 + field.readUInt32BE(4);
}

/** A one-dimensional array as a parameter for `$n::bytea[]` or `$n::bigint[]`. */
function encodeArray(elementOid: number, values: readonly BinaryField[]): Buffer {
  let size = values.length === 0 ? 12 : 20;
  let holdsNull = 0;
  for (const value of values) {
    size += 4 + fieldBytes(value);
    if (value === null) holdsNull = 1;
  }
  const target = Buffer.allocUnsafe(size);
  let offset = target.writeInt32BE(values.length === 0 ? 0 : 1, 0);
  offset = target.writeInt32BE(holdsNull, offset);
  offset = target.writeInt32BE(elementOid, offset);
  if (values.length === 0) return target;
  offset = target.writeInt32BE(values.length, offset);
  offset = target.writeInt32BE(1, offset);
  for (const value of values) offset = writeField(target, offset, value);
  return target;
}

export function byteaArray(values: readonly (Buffer | null)[]): Buffer {
  return encodeArray(BYTEA_OID, values);
}

/** @param values safe integers */
export function bigintArray(values: readonly (number | null)[]): Buffer {
  return encodeArray(BIGINT_OID, values);
}

/** Writes rows for `COPY … FROM STDIN (FORMAT binary)` in pieces of about `pieceBytes`. */
export class BinaryCopyWriter {
  private done: Buffer[] = [];
  private piece: Buffer;
  private used: number;

  constructor(private readonly pieceBytes = 128 * 1024) {
    this.piece = Buffer.allocUnsafe(pieceBytes);
    SIGNATURE.copy(this.piece);
    this.piece.fill(0, SIGNATURE.length, HEADER_BYTES);
    this.used = HEADER_BYTES;
  }

  row(fields: readonly BinaryField[]): void {
    let size = 2;
    for (const field of fields) size += 4 + fieldBytes(field);
    this.ensure(size);
    this.used = this.piece.writeInt16BE(fields.length, this.used);
    for (const field of fields) this.used = writeField(this.piece, this.used, field);
  }

  get holdsFull(): boolean {
    return this.done.length > 0;
  }

  /** Gives away the pieces that are full by now. */
  takeFull(): Buffer[] {
    const full = this.done;
    this.done = [];
    return full;
  }

  /** The pieces that are left, trailer included. */
  end(): Buffer[] {
    this.ensure(2);
    this.used = this.piece.writeInt16BE(-1, this.used);
    return [...this.done, this.piece.subarray(0, this.used)];
  }

  private ensure(size: number): void {
    if (this.used + size <= this.piece.length) return;
    this.done.push(this.piece.subarray(0, this.used));
    this.piece = Buffer.allocUnsafe(Math.max(this.pieceBytes, size));
    this.used = 0;
  }
}

/**
 * Reads the output of `COPY … TO STDOUT (FORMAT binary)` in pieces of any size. The array given to `onRow` is used again for the
 * next row; its buffers share the pieces' memory.
 */
export class BinaryCopyParser {
  private rest: Buffer | undefined;
  private headed = false;
  private readonly fields: (Buffer | null)[];
  /** Has the trailer been read? If not, the copy was cut. */
  ended = false;

  constructor(
    private readonly columns: number,
    private readonly onRow: (fields: readonly (Buffer | null)[]) => void,
  ) {
    this.fields = new Array<Buffer | null>(columns).fill(null);
  }

  /** The bytes of the rows that are whole by now, header and trailer aside; they share the pieces' memory. */
  write(piece: Buffer): Buffer {
    const data = this.rest === undefined ? piece : Buffer.concat([this.rest, piece]);
    let offset = 0;
    if (!this.headed) {
      if (data.length < HEADER_BYTES) {
        this.rest = data;
        return data.subarray(0, 0);
      }
      if (data.compare(SIGNATURE, 0, SIGNATURE.length, 0, SIGNATURE.length) !== 0) throw new Error('not a binary copy');
      this.headed = true;
      offset = HEADER_BYTES;
    }
    const start = offset;
    for (let end = this.parseRow(data, offset); end !== undefined; end = this.parseRow(data, offset)) offset = end;
    this.rest = offset < data.length ? data.subarray(offset) : undefined;
    return data.subarray(start, offset);
  }

  /** The offset behind the row at `start`; undefined if it is not all there, or no row. */
  private parseRow(data: Buffer, start: number): number | undefined {
    if (this.ended || start + 2 > data.length) return undefined;
    const count = data.readInt16BE(start);
    if (count === -1) {
      this.ended = true;
      return undefined;
    }
    if (count !== this.columns) throw new Error('unexpected number of columns in a binary copy');
    let offset = start + 2;
    for (let column = 0; column < count; column++) {
      if (offset + 4 > data.length) return undefined;
      const length = data.readInt32BE(offset);
      offset += 4;
      if (length < 0) this.fields[column] = null;
      else {
        if (offset + length > data.length) return undefined;
        this.fields[column] = data.subarray(offset, offset + length);
        offset += length;
      }
    }
    this.onRow(this.fields);
    return offset;
  }
}
