import { DecodedItem, TableDigest, TableSchema, decodeItem } from '../../kernel';
import { PassingItems, isPast } from './passing-items';
import { checkBuiltWhole } from './portable-restore';

const BEGUN = 1_800_000_000;
const TEN_MINUTES = 600;
const schema: TableSchema = { attributes: new Map([['h', 'S']]), hashKey: 'h', rangeKey: undefined, indexes: [] };
const item = (name: string, life?: number): DecodedItem =>
  decodeItem(schema, Buffer.from(`{"h":{"S":"${name}"}}`), life === undefined ? undefined : BEGUN + life);

/** Lives that end around moments, between them, and never. */
const LIVES = [1, 589, 590, 591, 600, 602, 603, 700, 2_389, 2_390, 2_401, 2_403, 9_000, 100_000_000, undefined];

function loadedOf(items: readonly DecodedItem[]): { loaded: TableDigest; passing: PassingItems; written: DecodedItem[] } {
  const loaded = new TableDigest();
  const passing = new PassingItems(BEGUN);
  const written = items.map((each) => {
    loaded.add(each.bucket, each.digest);
    return passing.take(each);
  });
  return { loaded, passing, written };
}

/** What is read that lives longer than the moment, where every expiry is so many seconds off. */
function foundOf(written: readonly DecodedItem[], second: number, off: number): TableDigest {
  const found = new TableDigest();
  for (const { expiresAt, bucket, digest } of written) if (expiresAt === undefined || expiresAt + off > second) found.add(bucket, digest);
  return found;
}

describe('items that may be gone when they are verified', () => {
  const items = LIVES.map((life, index) => item(`item ${index}`, life));

  it.each([-2, -1, 0, 2, 9])('do not keep a verification from proving all that live longer, with expiries %d seconds off', (off) => {
    const { loaded, passing, written } = loadedOf(items);
    for (const now of [10, 700, 3_000, 20_000]) {
      const moment = passing.momentAfter(BEGUN + now);
      expect(moment.second).toBeGreaterThanOrEqual(BEGUN + 3 * now);
      const found = foundOf(written, moment.second, off);
      expect(() => checkBuiltWhole(loaded, found, { items: passing, moment })).not.toThrow();
      const lacking = foundOf(written.slice(0, -1), moment.second, off);
      expect(() => checkBuiltWhole(loaded, lacking, { items: passing, moment })).toThrow('items instead of');
      const other = foundOf([...written.slice(0, -1), item('another')], moment.second, off);
      expect(() => checkBuiltWhole(loaded, other, { items: passing, moment })).toThrow('the digest of their');
    }
  });

  it('keep their lives, but for those that end close to a moment: these end just behind it', () => {
    const { written } = loadedOf(items);
    for (const [index, { expiresAt }] of written.entries()) {
      const life = LIVES[index];
      const moved = expiresAt === undefined || life === undefined ? 0 : expiresAt - BEGUN - life;
      const isClose = life !== undefined && [600, 2_400].some((moment) => life > moment - 10 && life <= moment + 2);
      expect(moved > 0).toBe(isClose);
      expect(moved).toBeLessThanOrEqual(12);
    }
    expect(written.map(({ digest }) => digest)).toEqual(items.map(({ digest }) => digest));
  });

  it('are added up over steps, and kept as text', () => {
    const whole = loadedOf(items).passing;
    const parts = [items.slice(0, 4), items.slice(4)].map((part) => loadedOf(part).passing);
    const sum = new PassingItems(BEGUN);
    for (const part of parts) sum.merge(PassingItems.fromText(BEGUN, part.toText()));
    expect(sum.toText()).toBe(whole.toText());
    expect(sum.isEmpty).toBe(false);
    expect(loadedOf([item('immortal')]).passing.isEmpty).toBe(true);
  });

  it('are judged anew by a later moment when a verification took too long', () => {
    const { passing } = loadedOf(items);
    const first = passing.momentAfter(BEGUN + 10);
    expect(first.second).toBe(BEGUN + TEN_MINUTES);
    expect([580, 590, 700].map((life) => isPast(first, BEGUN + life))).toEqual([false, true, true]);
    expect(passing.momentAfter(BEGUN + 10, first.index).second).toBeGreaterThan(first.second);
    expect(passing.momentAfter(BEGUN + 700, first.index).second).toBeGreaterThanOrEqual(BEGUN + 2_100);
  });
});
