import { types } from 'cassandra-driver';
import { AttributeType } from '../../../kernel';
import { readRow, ReadRow } from '../codec';
import { Layout } from '../layout';

const LENGTH_BYTES = 4;

/** The types that the columns of `layout.selection` must have, as `preparedOf` tells them; any other is for the driver. */
export function expectedTypes(layout: Layout): string[] {
  const ttls = layout.others.map(({ type }) => (type.length === 1 ? '9' : 'list(9)'));
  const cells = layout.others.map(({ type }) => columnType(type));
  return [...layout.keys.map(({ type }) => columnType(type)), '2', '2', 'list(9)', 'list(9)', ...ttls, ...cells, 'map(13,13)', 'map(13,3)'];
}

const SCALARS: Readonly<Record<string, string>> = { S: '13', N: '6', B: '3' };

function columnType(type: AttributeType): string {
  const [first = '', second = ''] = [...type].map((letter) => SCALARS[letter] ?? '');
  if (type.length === 1) return first;
  return type.length === 2 ? `set(${first})` : `map(${first},${second})`;
}

/** One row of a page: where its cells stand in the frame. Used again for each row. */
export class RawRow {
  readonly starts: Int32Array;
  /** -1: null. */
  readonly lengths: Int32Array;
  private readonly kinds: readonly string[];

  constructor(
    private readonly layout: Layout,
    public body: Buffer,
  ) {
    this.kinds = expectedTypes(layout);
    this.starts = new Int32Array(this.kinds.length);
    this.lengths = new Int32Array(this.kinds.length);
  }

  /** @returns where the next row begins */
  find(at: number): number {
    const { body, starts, lengths } = this;
    for (let column = 0; column < starts.length; column++) {
      const length = readInt32(body, at);
      at += LENGTH_BYTES;
      starts[column] = at;
      lengths[column] = length;
      if (length > 0) at += length;
    }
    if (at > body.length) throw new Error('a page ended inside of a row');
    return at;
  }

  /** The thorough way: as if the driver had read it. @throws DomainError ValidationError as `readRow` */
  decode(): ReadRow {
    const cells = this.kinds.map((_kind, column) => this.cell(column));
    return readRow(this.layout, { values: () => cells } as unknown as types.Row);
  }

  /** As the driver gives it. */
  cell(column: number): unknown {
    const length = this.lengths[column] ?? -1;
    if (length < 0) return null;
    const start = this.starts[column] ?? 0;
    return decode(this.kinds[column] ?? '', Buffer.from(this.body.subarray(start, start + length)));
  }
}

/** A cell as the driver gives it, by its type's text. */
function decode(kind: string, bytes: Buffer): unknown {
  const inner = /^(list|set|map)\((\d+)(?:,(\d+))?\)$/.exec(kind);
  if (!inner) return decodeScalar(kind, bytes);
  const [, outer, first = '', second = ''] = inner;
  let at = LENGTH_BYTES;
  const next = (type: string): unknown => {
    const length = bytes.readInt32BE(at);
    at += LENGTH_BYTES + Math.max(0, length);
    return length < 0 ? null : decodeScalar(type, bytes.subarray(at - length, at));
  };
  const count = bytes.readInt32BE(0);
  if (outer === 'map') return new Map(Array.from({ length: count }, () => [next(first), next(second)] as const));
  const members = Array.from({ length: count }, () => next(first));
  return outer === 'set' ? new Set(members) : members;
}

function decodeScalar(kind: string, bytes: Buffer): unknown {
  if (kind === '13') return bytes.toString('utf8');
  if (kind === '6') return types.BigDecimal.fromBuffer(bytes);
  if (kind === '9') return bytes.readInt32BE(0);
  return kind === '2' ? types.Long.fromString(String(bytes.readBigInt64BE(0))) : bytes;
}

export function readInt32(bytes: Buffer, at: number): number {
  return ((bytes[at] ?? 0) << 24) | ((bytes[at + 1] ?? 0) << 16) | ((bytes[at + 2] ?? 0) << 8) | (bytes[at + 3] ?? 0);
}

