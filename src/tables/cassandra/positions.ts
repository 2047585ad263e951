import { types } from 'cassandra-driver';
import { validationError } from '../../kernel';
import { Layout } from './layout';

/** Where a range begins or ends, or a reader has come to: behind all of a token, or behind one row. */
export type Position = { readonly token: bigint } | { readonly hash: Buffer; readonly range: Buffer | undefined };

/** What a statement reads: tokens behind one position and up to another, or a stretch of one partition. */
export type Extent =
  | { readonly from: Position | undefined; readonly to: Position | undefined }
  | { readonly hash: unknown; /** Undefined: from its beginning. */ readonly after: unknown; /** Undefined: to its end. */ readonly upTo: unknown };

/** A statement's conditions that read part of a table, and their parameters. */
export interface Slice {
  readonly where: string;
  readonly params: readonly unknown[];
  readonly extent: Extent;
}

/** Looks up the partitions of a row's token: there may be several. */
export type Siblings = (hash: unknown) => Promise<readonly unknown[]>;

export const MIN_TOKEN = -(2n ** 63n);
export const MAX_TOKEN = 2n ** 63n - 1n;
const TOKENS = 2n ** 64n;

/** The token so far along the ring. */
export function tokenAt(part: number, parts: number): bigint {
  return MIN_TOKEN + (TOKENS * BigInt(part)) / BigInt(parts) - 1n;
}

/** How far along the ring, 0 … 1. */
export function fractionOf(token: bigint): number {
  return Number(((token - MIN_TOKEN) * 1_000_000_000n) / TOKENS) / 1_000_000_000;
}

/** The bytes of a cell of a key, as Cassandra has them: two spellings of one number are two partitions. */
export function keyBytes(cell: unknown): Buffer {
  if (cell instanceof types.BigDecimal) return types.BigDecimal.toBuffer(cell);
  return Buffer.isBuffer(cell) ? cell : Buffer.from(String(cell));
}

export function positionOf(cells: readonly unknown[], layout: Layout): Position {
  return { hash: keyBytes(cells[0]), range: layout.range === undefined ? undefined : keyBytes(cells[1]) };
}

/** As opaque text. */
export function formatPosition(position: Position): string {
  if ('token' in position) return `t${position.token}`;
  const { hash, range } = position;
  return `k${hash.toString('base64url')}${range === undefined ? '' : `.${range.toString('base64url')}`}`;
}

/** @throws DomainError ValidationError if it is no text of `formatPosition` */
export function parsePosition(text: string, layout: Layout): Position {
  const [, token] = /^t(-?[0-9]{1,19})$/.exec(text) ?? [];
  if (token !== undefined) return { token: BigInt(token) };
  const [, hash, range] = /^k([A-Za-z0-9_-]+)(?:\.([A-Za-z0-9_-]*))?$/.exec(text) ?? [];
  if (hash === undefined || (range === undefined) !== (layout.range === undefined)) throw validationError('A bound or cursor is malformed.');
  return { hash: Buffer.from(hash, 'base64url'), range: range === undefined ? undefined : Buffer.from(range, 'base64url') };
}

/** Everything behind `from` up to and with `to`, in the order of the ring, as slices that follow one another. */
export async function* slicesOf(layout: Layout, from: Position | undefined, to: Position | undefined, siblings: Siblings): AsyncGenerator<Slice> {
  const start = keyed(layout, from);
  const end = keyed(layout, to);
  if (start && end && same(start.hash, end.hash)) {
    if (layout.range) yield partitionSlice(layout, start.hash, start.range, end.range);
    return;
  }
  const besideStart = start ? sorted(await siblings(start.hash)) : [];
  const meets = end !== undefined && besideStart.some((hash) => same(hash, end.hash));
  if (start) {
    // Without a range key the partition is one row: the position's own.
    if (layout.range) yield partitionSlice(layout, start.hash, start.range);
    const behind = besideStart.filter((hash) => isBefore(start.hash, hash) && !(meets && !isBefore(hash, end.hash)));
    for (const hash of behind) yield partitionSlice(layout, hash);
  }
  if (!meets) {
    yield tokenSlice(layout, from, to);
    const beforeEnd = end ? sorted(await siblings(end.hash)).filter((hash) => isBefore(hash, end.hash)) : [];
    for (const hash of beforeEnd) yield partitionSlice(layout, hash);
  }
  if (end) yield partitionSlice(layout, end.hash, undefined, end.range);
}

interface KeyedPosition {
  readonly hash: unknown;
  readonly range: unknown;
}

/** The position's key as parameters; undefined: it has none. */
export function keyed(layout: Layout, position: Position | undefined): KeyedPosition | undefined {
  if (position === undefined || 'token' in position) return undefined;
  const hash = fromBytes(layout.hash.type, position.hash);
  return { hash, range: position.range === undefined || !layout.range ? undefined : fromBytes(layout.range.type, position.range) };
}

function fromBytes(type: string, bytes: Buffer): unknown {
  if (type === 'S') return bytes.toString('utf8');
  return type === 'N' ? types.BigDecimal.fromBuffer(bytes) : bytes;
}

/** Of one partition, what is behind a range key, up to and with another; each may be left out. */
export function partitionSlice(layout: Layout, hash: unknown, after?: unknown, upTo?: unknown): Slice {
  const conditions = [layout.basePartition];
  const params = [hash];
  const { range } = layout;
  if (range && after !== undefined) {
    conditions.push(`${range.cql} > ?`);
    params.push(after);
  }
  if (range && upTo !== undefined) {
    conditions.push(`${range.cql} <= ?`);
    params.push(upTo);
  }
  return { where: conditions.join(' AND '), params, extent: { hash, after, upTo } };
}

/** The tokens between two positions, those of keyed positions apart. */
export function tokenSlice(layout: Layout, from: Position | undefined, to: Position | undefined): Slice {
  const token = `token(${layout.hash.cql})`;
  const conditions: string[] = [];
  const params: unknown[] = [];
  const bound = (comparison: string, position: Position): void => {
    const exact = 'token' in position;
    conditions.push(`${token} ${comparison} ${exact ? '?' : 'token(?)'}`);
    params.push(exact ? types.Long.fromString(String(position.token)) : keyed(layout, position)?.hash);
  };
  if (from) bound('>', from);
  if (to) bound('token' in to ? '<=' : '<', to);
  if (conditions.length === 0) conditions.push(`${token} >= ${MIN_TOKEN}`);
  return { where: `${conditions.join(' AND ')}${layout.baseFilter}`, params, extent: { from, to } };
}

function sorted(hashes: readonly unknown[]): unknown[] {
  return [...hashes].sort((a, b) => Buffer.compare(keyBytes(a), keyBytes(b)));
}

function same(a: unknown, b: unknown): boolean {
  return keyBytes(a).equals(keyBytes(b));
}

function isBefore(a: unknown, b: unknown): boolean {
  return Buffer.compare(keyBytes(a), keyBytes(b)) < 0;
}
