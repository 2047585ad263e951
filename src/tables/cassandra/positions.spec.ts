import { schemaOf } from '../../../test/contract/table-backend/harness';
import { Layout } from './layout';
import { Position, Slice, formatPosition, parsePosition, slicesOf } from './positions';

const layout = new Layout(schemaOf({ h: 'S', r: 'S' }, 'h', 'r'), '"u_demo"."u_1"', false);
const hashOnly = new Layout(schemaOf({ h: 'S' }, 'h'), '"u_demo"."u_2"', false);

const at = (hash: string, range?: string): Position => ({ hash: Buffer.from(hash), range: range === undefined ? undefined : Buffer.from(range) });

/** The slices between two positions, as `condition: parameters`; the named partitions share their token. */
async function slices(of: Layout, from: Position | undefined, to: Position | undefined, ...sharing: string[]): Promise<string[]> {
  const all: string[] = [];
  const siblings = async (hash: unknown): Promise<string[]> => (sharing.includes(String(hash)) ? sharing : [String(hash)]);
  for await (const { where, params } of slicesOf(of, from, to, siblings)) all.push(`${where}: ${params.map(String).join(' ')}`);
  return all.map((each) => each.replaceAll('"', ''));
}

describe('positions', () => {
  it('survive as text', () => {
    for (const position of [{ token: -5n }, at('a', ''), at('ä\0', 'b')]) expect(parsePosition(formatPosition(position), layout)).toEqual(position);
    expect(parsePosition(formatPosition(at('a')), hashOnly)).toEqual(at('a'));
    for (const text of ['', 'x', 't1.5', 'ka', 'k!.x']) expect(() => parsePosition(text, layout)).toThrow('malformed');
  });

  it('of the whole table are one slice', async () => {
    expect(await slices(layout, undefined, undefined)).toEqual(['token(u_h) >= -9223372036854775808: ']);
  });

  it('inside one partition stay in it', async () => {
    expect(await slices(layout, at('a', '1'), at('a', '5'))).toEqual(['u_h = ? AND u_r > ? AND u_r <= ?: a 1 5']);
  });

  it('inside partitions read the rest of one, what is between, and the beginning of the other', async () => {
    expect(await slices(layout, at('a', '1'), at('b', '5'))).toEqual([
      'u_h = ? AND u_r > ?: a 1',
      'token(u_h) > token(?) AND token(u_h) < token(?): a b',
      'u_h = ? AND u_r <= ?: b 5',
    ]);
  });

  it('leave no partition out that shares its token with a bound', async () => {
    expect(await slices(layout, at('b', '1'), { token: 7n }, 'a', 'b', 'c')).toEqual([
      'u_h = ? AND u_r > ?: b 1',
      'u_h = ?: c',
      'token(u_h) > token(?) AND token(u_h) <= ?: b 7',
    ]);
    expect(await slices(layout, { token: 7n }, at('b', '1'), 'a', 'b', 'c')).toEqual([
      'token(u_h) > ? AND token(u_h) < token(?): 7 b',
      'u_h = ?: a',
      'u_h = ? AND u_r <= ?: b 1',
    ]);
    expect(await slices(layout, at('a', '1'), at('d', '1'), 'a', 'b', 'd', 'e')).toEqual(['u_h = ? AND u_r > ?: a 1', 'u_h = ?: b', 'u_h = ? AND u_r <= ?: d 1']);
  });

  it('of tables without range keys are whole partitions', async () => {
    expect(await slices(hashOnly, at('a'), at('b'))).toEqual(['token(u_h) > token(?) AND token(u_h) < token(?): a b', 'u_h = ?: b']);
    expect(await slices(hashOnly, at('a'), at('a'))).toEqual([]);
  });

  it('read no rows of indexes', async () => {
    const indexes = [{ name: 'by_i', rangeAttribute: 'i', projection: { type: 'ALL' as const } }];
    const indexed = new Layout(schemaOf({ h: 'S', r: 'S', i: 'S' }, 'h', 'r', indexes), '"u_demo"."u_3"', true);
    const all: Slice[] = [];
    for await (const slice of slicesOf(indexed, at('a', '1'), undefined, async (hash) => [hash])) all.push(slice);
    expect(all[0]?.where).toContain(`iname = '' AND ival_str = '' AND ival_num = 0 AND ival_blb = 0x`);
    expect(all[1]?.where).toContain(`iname = '' ALLOW FILTERING`);
  });
});
