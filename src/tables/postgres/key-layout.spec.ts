import fc from 'fast-check';
import { anyItem, anyItemSchema } from '../../../test/fakes/arbitrary-items';
import { INDEXED, decoded, n, plainItem, s, schemaOf } from '../../../test/contract/table-backend/harness';
import { canonicalItem, decodeLine, encodeLine } from '../../kernel';
import { KeyLayout } from './key-layout';

describe('the key columns of an item that was read', () => {
  it('are those of its values, whatever they are', () => {
    const types = [...anyItemSchema.attributes.entries()];
    const backwards = { ...anyItemSchema, attributes: new Map(types.reverse()) };
    fc.assert(
      fc.property(anyItem, fc.boolean(), (item, other) => {
        const layout = new KeyLayout(anyItemSchema);
        const read = decodeLine(other ? backwards : anyItemSchema, encodeLine(canonicalItem(item)).subarray(0, -1));
        expect(layout.rowKeysOf(read)).toEqual(layout.rowKeys(item));
      }),
    );
  });

  it.each([
    ['with', n(7)],
    ['without', undefined],
  ])('are cut out of its bytes, %s an indexed attribute', (_what, i) => {
    const item = plainItem('a "quoted" \\ text', -12, i && { i });
    for (const each of [item, plainItem('ü', 3, { ...(i && { i }), z: s('') })]) {
      const layout = new KeyLayout(INDEXED);
      expect(layout.rowKeysOf(decoded(INDEXED, each))).toEqual(layout.rowKeys(each));
    }
    expect(decoded(INDEXED, plainItem('plain', 1)).places).toBeDefined();
    expect(decoded(INDEXED, item).places).toBeUndefined();
  });

  it('of an item of another table are refused', () => {
    const other = schemaOf({ h: 'S', r: 'N', i: 'S' }, 'h', 'r');
    const layout = new KeyLayout(INDEXED);
    expect(() => layout.rowKeysOf(decoded(other, plainItem('a', 1, { i: s('text') })))).toThrow('item.i');
    expect(layout.rowKeysOf(decoded(other, plainItem('a', 1))).indexed).toEqual([null]);
  });
});
