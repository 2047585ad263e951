import { setImmediate as nextTurn } from 'node:timers/promises';
import { Host, errors, types } from 'cassandra-driver';
import { schemaOf } from '../../../test/contract/table-backend/harness';
import { Layout } from './layout';
import { Position, keyBytes } from './positions';
import { Values } from './session';
import { PageAsk, PageFacts, SteadyPages } from './steady-pages';

const layout = new Layout(schemaOf({ h: 'S', r: 'S' }, 'h', 'r'), '"u_demo"."u_1"', false);
const { responseErrorCodes: codes } = types;
const PATIENCE = { pauseMillis: 0, maxPauseMillis: 0, outageMillis: 60_000, hardReadMillis: 60_000 };

/** A row, or, if it is dead, a tombstone. */
interface Cell {
  readonly hash: string;
  readonly range: string;
  readonly dead?: boolean;
}

interface Page extends PageFacts {
  readonly keys: readonly string[];
}

/** A node that gives up after so many tombstones, and otherwise reads what conditions of CQL name. */
class FakeTable {
  readonly asked: PageAsk[] = [];
  mostDead = Infinity;
  /** Thrown at the next reads, one each. */
  failing: unknown[] = [];

  constructor(
    private readonly cells: readonly Cell[],
    private readonly tokens: Readonly<Record<string, bigint>>,
  ) {
    this.cells = [...cells].sort((a, b) => this.order(a, b));
  }

  readonly tokenOf = (hash: Buffer): bigint => this.tokens[hash.toString()] ?? 0n;

  steady(signal?: AbortSignal, patience = PATIENCE): SteadyPages<Page> {
    const hosts = ['first', 'second'] as unknown as Host[];
    const { tokenOf } = this;
    const services = {
      layout,
      tokenOf,
      replicas: () => hosts,
      partitions: async (where: string, params: Values) => [...new Set(this.select(where, params).map(({ hash }) => hash))],
      read: async (ask: PageAsk) => this.page(ask),
    };
    return new SteadyPages(services, { pageBytes: 1000, signal, patience });
  }

  private page(ask: PageAsk): Page {
    this.asked.push(ask);
    if (this.failing.length > 0) throw this.failing.shift();
    const start = Number(ask.pageState ?? 0);
    const found = this.select(ask.slice.where, ask.slice.params, start, ask.fetchSize);
    const row = found.at(-1);
    const last: Position | undefined = row && { hash: Buffer.from(row.hash), range: Buffer.from(row.range) };
    const more = found.length === ask.fetchSize;
    return { keys: found.map(({ hash, range }) => `${hash}${range}`), rows: found.length, bytes: found.length * 100, last, pageState: more ? String(start + found.length) : undefined };
  }

  /** Live rows, and tombstones up to the last of them. */
  private select(where: string, params: Values, start = 0, limit = Infinity): Cell[] {
    const found: Cell[] = [];
    let dead = 0;
    let skipped = 0;
    for (const cell of this.cells.filter(this.matcher(where, params))) {
      if (found.length === limit) break;
      if (cell.dead !== true && skipped++ >= start) found.push(cell);
      if (cell.dead === true && skipped >= start && ++dead > this.mostDead) throw new errors.ResponseError(codes.readFailure, 'tombstones');
    }
    return found;
  }

  private matcher(where: string, params: Values): (cell: Cell) => boolean {
    const values = [...params];
    const conditions = where.split(' AND ').map((condition) => {
      const [, column, comparison = '', right = ''] = /^(token\("u_h"\)|"u_h"|"u_r") (=|>|<|>=|<=) (token\(\?\)|\?|-?\d+)$/.exec(condition) ?? [];
      if (column === undefined) throw new Error(`not understood: ${condition}`);
      const value = right.includes('?') ? values.shift() : right;
      if (column === 'token("u_h")') {
        const bound = right === 'token(?)' ? this.tokenOf(keyBytes(value)) : BigInt(String(value));
        return ({ hash }: Cell) => compare(this.tokens[hash] ?? 0n, bound, comparison);
      }
      return (cell: Cell) => compare(column === '"u_h"' ? cell.hash : cell.range, String(value), comparison);
    });
    return (cell) => conditions.every((holds) => holds(cell));
  }

  private order(a: Cell, b: Cell): number {
    const [x, y] = [a, b].map(({ hash }) => this.tokenOf(Buffer.from(hash)));
    if (x !== y) return (x ?? 0n) < (y ?? 0n) ? -1 : 1;
    return a.hash < b.hash ? -1 : a.hash > b.hash ? 1 : a.range < b.range ? -1 : 1;
  }
}

/** Texts of these tests are ASCII: they order as their bytes do. */
function compare<T extends bigint | string>(left: T, right: T, comparison: string): boolean {
  if (left === right) return comparison.includes('=');
  return comparison.startsWith(left < right ? '<' : '>');
}

async function read(steady: SteadyPages<Page>, from?: Position, to?: Position): Promise<string[]> {
  const keys: string[] = [];
  for await (const page of steady.pages(from, to)) keys.push(...page.keys);
  return keys;
}

const rows = (hash: string, count: number, dead = false): Cell[] =>
  Array.from({ length: count }, (_each, index) => ({ hash, range: `k${String(index).padStart(5, '0')}`, dead }));
const keysOf = (cells: readonly Cell[]): string[] => cells.filter(({ dead }) => dead !== true).map(({ hash, range }) => `${hash}${range}`);
const timeout = (): Error => new errors.ResponseError(codes.readTimeout, 'late');

describe('reading a stretch page by page', () => {
  const cells = [...rows('a', 120), ...rows('b', 120), ...rows('c', 120)];
  const tokens = { a: -7n, b: 5n, c: 5n };

  it('gives every row once, in order, one page ahead', async () => {
    const table = new FakeTable(cells, tokens);
    expect(await read(table.steady())).toEqual(keysOf(cells));
    const ahead = new FakeTable(cells, tokens);
    const pages = ahead.steady().pages(undefined, undefined);
    await pages.next();
    await new Promise(setImmediate);
    expect(ahead.asked).toHaveLength(2);
    await pages.return(undefined);
    expect(ahead.asked).toHaveLength(2);
  });

  it('asks again after a failure, another node, for a smaller page', async () => {
    const table = new FakeTable(cells, tokens);
    table.failing = [timeout(), new errors.OperationTimedOutError('late'), new errors.ResponseError(codes.overloaded, 'busy')];
    expect(await read(table.steady())).toEqual(keysOf(cells));
    const [first, second, third] = table.asked;
    expect([first?.node, second?.node, third?.node]).toEqual(['first', 'second', undefined]);
    expect([first?.fetchSize, second?.fetchSize, third?.fetchSize]).toEqual([50, 12, 3]);
    expect(Math.max(...table.asked.slice(3).map(({ fetchSize }) => fetchSize))).toBe(10);
  });

  it('goes on behind the last row with a new statement where a page state leads into a timeout', async () => {
    const table = new FakeTable(cells, tokens);
    const pages = table.steady().pages(undefined, undefined);
    const first = await pages.next();
    table.failing = [timeout(), timeout(), timeout()];
    const rest: string[] = [];
    for await (const page of pages) rest.push(...page.keys);
    expect([...(first.value?.keys ?? []), ...rest]).toEqual(keysOf(cells));
    expect(table.asked.some(({ slice }) => slice.where === '"u_h" = ? AND "u_r" > ?')).toBe(true);
  });

  it.each([
    ['of one partition', [...rows('a', 30), ...rows('b', 4_000, true), { hash: 'b', range: 'k05000' }, ...rows('c', 30)], { a: -7n, b: 5n, c: 9n }],
    ['of partitions that share a token', [...rows('a', 30), ...rows('b', 4_000, true), { hash: 'b', range: 'k05000' }, ...rows('c', 30)], { a: -7n, b: 5n, c: 5n }],
    ['of thousands of partitions', Array.from({ length: 3_000 }, (_each, index) => ({ hash: `h${index}`, range: 'k', dead: index % 500 !== 3 })), undefined],
  ])('reads behind tombstones without end, %s: by halves', async (_which, all: readonly Cell[], places) => {
    const known = places ?? Object.fromEntries(all.map(({ hash }, index) => [hash, BigInt(index) * 3_000_000_000_000_000n]));
    const table = new FakeTable(all, known);
    table.mostDead = 1_000;
    expect(await read(table.steady())).toEqual(keysOf(all));
    // Gone on with from any row, too.
    const [row] = all;
    const behind = { hash: Buffer.from(row?.hash ?? ''), range: Buffer.from(row?.range ?? '') };
    expect(await read(table.steady(), behind)).toEqual(keysOf(all.slice(1)));
  });

  it('gives up after its time, with the error that there was, and not at all on what does not pass', async () => {
    const impatient = { ...PATIENCE, outageMillis: -1, hardReadMillis: -1 };
    const away = new errors.NoHostAvailableError({ '10.0.0.1:9042': new Error('refused') });
    for (const error of [timeout(), away]) {
      const table = new FakeTable(cells, tokens);
      table.failing = [error];
      await expect(read(table.steady(undefined, impatient))).rejects.toBe(error);
    }
    const broken = new FakeTable(cells, tokens);
    broken.failing = [new errors.ResponseError(codes.unauthorized, 'no')];
    await expect(read(broken.steady())).rejects.toBeInstanceOf(errors.ResponseError);
    expect(broken.asked).toHaveLength(1);
  });

  it('ends when it is told to, also while it waits', async () => {
    const table = new FakeTable(cells, tokens);
    const stop = new AbortController();
    table.failing = Array.from({ length: 1_000 }, timeout);
    let ended: unknown;
    // Pauses that end by themselves, so that nothing is left of a wait that does not hear: it is not to hear within some turns, though.
    read(table.steady(stop.signal, { ...PATIENCE, pauseMillis: 10_000, maxPauseMillis: 10_000 })).catch((error: unknown) => (ended = error));
    await nextTurn();
    expect(ended).toBeUndefined();
    stop.abort(new Error('enough'));
    for (let turns = 0; turns < 100 && ended === undefined; turns++) await nextTurn();
    expect(ended).toMatchObject({ message: 'enough' });
  });
});
