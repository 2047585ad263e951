import type { Host } from 'cassandra-driver';
import { backOff } from './back-off';
import { between, halve, tokensOf } from './bisect';
import { readTrouble } from './errors';
import { Layout } from './layout';
import { MAX_PAGE_ROWS, PageWeight } from './page-weight';
import { Position, Slice, keyBytes, keyed, partitionSlice, slicesOf } from './positions';
import { Values } from './session';

/** How much less is asked for after a failure. */
const SHRINK = 4;

/** What is asked of a node. */
export interface PageAsk {
  readonly slice: Slice;
  readonly fetchSize: number;
  readonly pageState: string | undefined;
  /** Undefined: any. */
  readonly node: Host | undefined;
  /** May the page behind it be asked for before anybody wants it? Default true. */
  readonly ahead?: boolean;
}

/** What every page says of itself. */
export interface PageFacts {
  readonly rows: number;
  /** About how much they weigh. */
  readonly bytes: number;
  /** Of its last row; undefined: it has none. */
  readonly last: Position | undefined;
  readonly pageState: string | undefined;
}

/** How long reading goes on against errors, in milliseconds. */
export interface Patience {
  /** Pause after the first failure; doubled for each further one, up to `maxPauseMillis`. */
  readonly pauseMillis: number;
  readonly maxPauseMillis: number;
  /** Without any page in so long, errors of nodes that are away or overloaded come through. */
  readonly outageMillis: number;
  /** The same of reads that fail because there is too much to read (tombstones, say), while ever less is asked for. */
  readonly hardReadMillis: number;
}

export const PATIENCE: Patience = { pauseMillis: 100, maxPauseMillis: 5_000, outageMillis: 60_000, hardReadMillis: 20 * 60_000 };

/** The cluster, as far as reading steadily needs it. */
export interface SteadyServices<P extends PageFacts> {
  readonly layout: Layout;
  read(ask: PageAsk): Promise<P>;
  /** Hash keys of the partitions that have rows for which a condition is true. */
  partitions(where: string, params: Values): Promise<readonly unknown[]>;
  tokenOf(hash: Buffer): bigint;
  /** Nodes that hold a token, best first. */
  replicas(token: bigint): readonly Host[];
}

export interface SteadyOptions {
  /** A page holds about so many bytes. */
  readonly pageBytes: number;
  readonly signal?: AbortSignal | undefined;
  readonly patience?: Patience;
}

/** A slice that is being read, or is still to be. */
interface Piece {
  readonly slice: Slice;
  /** Failures before it is cut: a piece of what failed already is cut at once. */
  readonly tries: number;
  pageState?: string | undefined;
  last?: Position | undefined;
}

/**
 * Reads a stretch of a content page by page in the order of the ring, against all that passes by itself: asks again, other nodes too, for ever smaller
 * pages; then goes on behind the last row with a new statement; then halves what is left, by tokens and, inside a partition, by its range key. One page
 * is read ahead.
 */
export class SteadyPages<P extends PageFacts> {
  private readonly weight = new PageWeight();
  private readonly patience: Patience;
  private pieces: Piece[] = [];
  private pageRows = MAX_PAGE_ROWS;
  private failures = 0;
  private failuresOfPiece = 0;
  private progressAt = performance.now();

  constructor(
    private readonly services: SteadyServices<P>,
    private readonly options: SteadyOptions,
  ) {
    this.patience = options.patience ?? PATIENCE;
  }

  /** Pages with rows, behind `from`, up to and with `to`. */
  async *pages(from: Position | undefined, to: Position | undefined): AsyncGenerator<P> {
    for await (const slice of slicesOf(this.services.layout, from, to, this.siblings)) {
      this.pieces = [{ slice, tries: 2 }];
      let ahead = this.next();
      for (;;) {
        const page = await ahead;
        if (page === undefined) break;
        ahead = this.next();
        // Whoever awaits it hears of its failure; until then, and if nobody does, it must not count as unheard.
        ahead.catch(() => undefined);
        yield page;
      }
    }
  }

  /** A small read by the way. */
  async patiently<T>(read: () => Promise<T>): Promise<T> {
    for (;;) {
      try {
        return await read();
      } catch (error) {
        this.failed(error);
        await this.pause();
      }
    }
  }

  private async next(): Promise<P | undefined> {
    for (let piece = this.pieces[0]; piece !== undefined; piece = this.pieces[0]) {
      const page = await this.attempt(piece);
      if (page === undefined) continue;
      piece.pageState = page.pageState;
      piece.last = page.last ?? piece.last;
      if (page.pageState === undefined) this.pieces.shift();
      if (page.rows > 0) return page;
    }
    return undefined;
  }

  /** Undefined: it failed; what is to be read next stands in `pieces`. */
  private async attempt(piece: Piece): Promise<P | undefined> {
    this.options.signal?.throwIfAborted();
    const fetchSize = Math.min(this.pageRows, this.weight.fittingRows(this.options.pageBytes));
    try {
      const page = await this.services.read({ slice: piece.slice, fetchSize, pageState: piece.pageState, node: this.node(piece) });
      this.succeeded();
      this.pageRows = Math.min(MAX_PAGE_ROWS, Math.max(this.pageRows, fetchSize) * 2);
      this.weight.add(page.rows, page.bytes);
      return page;
    } catch (error) {
      const hard = this.failed(error);
      this.pageRows = Math.max(1, Math.floor(fetchSize / SHRINK));
      // A smaller read is another one: it need not wait for better times.
      if (hard && ++this.failuresOfPiece >= piece.tries && (await this.cut(piece))) return undefined;
      await this.pause();
      return undefined;
    }
  }

  /** Puts smaller pieces in the place of what is left of one; false: there are none. */
  private async cut(piece: Piece): Promise<boolean> {
    const { layout, tokenOf } = this.services;
    this.failuresOfPiece = 0;
    const rest = piece.last === undefined ? undefined : await this.restOf(piece.slice, piece.last);
    const halves = rest ?? halve(layout, piece.slice, tokenOf) ?? (await this.partitionsOf(piece.slice));
    if (halves) this.pieces.splice(0, 1, ...halves.map((slice) => ({ slice, tries: rest ? 2 : 1 })));
    return halves !== undefined;
  }

  /** What is behind a row of a slice. */
  private async restOf({ extent }: Slice, last: Position): Promise<Slice[]> {
    const { layout } = this.services;
    const rest: Slice[] = [];
    if ('from' in extent) {
      for await (const slice of slicesOf(layout, last, extent.to, this.siblings)) rest.push(slice);
      return rest;
    }
    return [partitionSlice(layout, extent.hash, keyed(layout, last)?.range, extent.upTo)];
  }

  /** One token cannot be halved, but the partitions that have it can, if they are found. */
  private async partitionsOf({ where, params, extent }: Slice): Promise<Slice[] | undefined> {
    const { layout } = this.services;
    if (!('from' in extent) || layout.range === undefined) return undefined;
    const hashes = await this.partitions(where.replace(layout.baseFilter, ''), params);
    return sortedKeys(hashes).map((hash) => partitionSlice(layout, hash));
  }

  private readonly siblings = async (hash: unknown): Promise<readonly unknown[]> =>
    sortedKeys(await this.partitions(`token(${this.services.layout.hash.cql}) = token(?)`, [hash]));

  /** The few partitions of a token, found patiently: where their rows stand behind too many tombstones, in stretches of the range key. */
  private async partitions(where: string, params: Values, after?: unknown, upTo?: unknown): Promise<unknown[]> {
    const { layout, partitions } = this.services;
    const inside = layout.range ? rangeConditions(layout.range.cql, after, upTo) : { conditions: [], params: [] };
    const conditions = [where, ...(inside.conditions.length > 0 ? [...layout.baseRowConditions, ...inside.conditions] : [])];
    for (let tries = 1; ; tries++) {
      try {
        const found = await partitions(conditions.join(' AND '), [...params, ...inside.params]);
        this.succeeded();
        return [...found];
      } catch (error) {
        const middle = this.failed(error) && tries > 1 && layout.range ? between(layout.range.type, after, upTo) : undefined;
        if (middle === undefined) {
          await this.pause();
          continue;
        }
        return [...(await this.partitions(where, params, after, middle)), ...(await this.partitions(where, params, middle, upTo))];
      }
    }
  }

  private succeeded(): void {
    this.failures = this.failuresOfPiece = 0;
    this.progressAt = performance.now();
  }

  /** Was there too much to read? @throws what is no trouble that passes, or has lasted for too long */
  private failed(error: unknown): boolean {
    const trouble = readTrouble(error);
    this.options.signal?.throwIfAborted();
    const most = trouble === 'hard' ? this.patience.hardReadMillis : this.patience.outageMillis;
    if (trouble === undefined || performance.now() - this.progressAt > most) throw error;
    this.failures++;
    return trouble === 'hard';
  }

  private pause(): Promise<void> {
    const { pauseMillis, maxPauseMillis } = this.patience;
    return backOff(this.failures - 1, [pauseMillis, maxPauseMillis], this.options.signal);
  }

  /** After a failure another one than before. */
  private node({ slice, last }: Piece): Host | undefined {
    const { replicas, tokenOf } = this.services;
    const at = last !== undefined && 'hash' in last ? tokenOf(last.hash) : tokensOf(slice, tokenOf)?.first;
    const nodes = at === undefined ? [] : replicas(at);
    return nodes[this.failures % (nodes.length + 1)];
  }
}

function rangeConditions(cql: string, after: unknown, upTo: unknown): { conditions: string[]; params: unknown[] } {
  const bounds = [
    { condition: `${cql} > ?`, value: after },
    { condition: `${cql} <= ?`, value: upTo },
  ].filter(({ value }) => value !== undefined);
  return { conditions: bounds.map(({ condition }) => condition), params: bounds.map(({ value }) => value) };
}

/** Each once, in the order of `slicesOf`. */
function sortedKeys(hashes: readonly unknown[]): unknown[] {
  const byText = new Map(hashes.map((hash) => [keyBytes(hash).toString('latin1'), hash]));
  return [...byText].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, hash]) => hash);
}
