import { AttributeValue, Expected, Item, itemWireSize } from '../../../src/kernel';
import {
  INDEXED,
  MakeHarness,
  b,
  code,
  expiryOf,
  freshTable,
  itemOf,
  n,
  plainItem,
  s,
  schemaOf,
  scanAll,
  text,
  useHarness,
} from './harness';

const absent: Expected = new Map([['h', { kind: 'absent' }]]);
const consistent = { consistent: true };

const EVERY_TYPE: Record<string, AttributeValue> = {
  text: s('plain "quoted" \\ back, nul \0, tab \t, ☃ 🎉 \uFFFF'),
  empty: s(''),
  number: n('12345678901234567890123456789012345678'),
  tiny: n('1E-2147483647'),
  huge: n('1E999999999'),
  bytes: b(0, 1, 2, 254, 255),
  noBytes: { type: 'B', value: '' },
  ss: { type: 'SS', value: ['', 'a', 'ä', '🎉'] },
  ns: { type: 'NS', value: ['-1', '0.5', '1E39'] },
  bs: { type: 'BS', value: ['', '/w==', 'AAE='] },
  ssm: {
    type: 'SSM',
    value: new Map([
      ['10', 'x'],
      ['9', 'y'],
      ['__proto__', 'z'],
    ]),
  },
  snm: { type: 'SNM', value: new Map([['k', '1']]) },
  sbm: { type: 'SBM', value: new Map([['k', 'AA==']]) },
  nsm: { type: 'NSM', value: new Map([['1', 'one']]) },
  nnm: { type: 'NNM', value: new Map([['1', '2']]) },
  nbm: { type: 'NBM', value: new Map([['1', 'AA==']]) },
  bsm: { type: 'BSM', value: new Map([['AA==', 'nul']]) },
  bnm: { type: 'BNM', value: new Map([['AA==', '0']]) },
  bbm: { type: 'BBM', value: new Map([['AA==', '/w==']]) },
};

export function describeItems(make: MakeHarness): void {
  describe('items', () => {
    const harness = useHarness(make);

    it('come back with every type as they were', async () => {
      const { backend } = harness();
      const ref = await freshTable(backend);
      const item = plainItem('all', 1, EVERY_TYPE);
      expect(await backend.putItem(ref, item, {})).toEqual({ before: undefined, after: item });
      const stored = await backend.getItem(ref, plainItem('all', 1), consistent);
      expect(text(stored?.item)).toBe(text(item));
      expect(stored?.item.get('ssm')).toEqual(EVERY_TYPE.ssm);
      expect(stored?.expiresAt).toBeUndefined();
    });

    it.each([
      ['S', s('nul \0 "and" 🎉'), s('nul \0')],
      ['S', s(''), s('\0')],
      ['N', n('-1E-400'), n('-1E-399')],
      ['N', n('1E999999999'), n('1E999999998')],
      ['B', b(0, 255), b(0)],
    ] as const)('have keys of type %s, any of them', async (type, key, other) => {
      const { backend, emptyHashKeys = true } = harness();
      for (const [hash, range, otherRange] of [
        [key, n(1), n(2)],
        [s('h'), key, other],
      ] as const) {
        if (hash.value === '' && !emptyHashKeys) continue;
        const schema = schemaOf(
          { h: hash.type === 'S' ? 'S' : type, r: range.type === 'N' && range !== key ? 'N' : type },
          'h',
          'r',
        );
        const ref = await freshTable(backend, schema);
        const first = itemOf({ h: hash, r: range, v: s('first') });
        const second = itemOf({ h: hash, r: otherRange, v: s('second') });
        await backend.putItem(ref, first, {});
        await backend.putItem(ref, second, {});
        expect(text((await backend.getItem(ref, first, consistent))?.item)).toBe(text(first));
        expect((await scanAll(backend, ref)).map(text).sort()).toEqual([text(first), text(second)].sort());
        await backend.deleteItem(ref, first, {});
        expect(await backend.getItem(ref, first, consistent)).toBeUndefined();
        expect(text((await backend.getItem(ref, second, consistent))?.item)).toBe(text(second));
      }
    });

    it('are replaced whole by a put, and tell what was there', async () => {
      const { backend } = harness();
      const ref = await freshTable(backend, INDEXED);
      const first = plainItem('a', 1, { old: s('x'), i: n(1) });
      const second = plainItem('a', 1, { new: s('y') });
      await backend.putItem(ref, first, {});
      expect(await backend.putItem(ref, second, {})).toEqual({ before: first, after: second });
      expect(await scanAll(backend, ref)).toEqual([second]);
      expect(await backend.deleteItem(ref, second, {})).toEqual({ before: second, after: undefined });
      expect(await backend.deleteItem(ref, second, {})).toEqual({ before: undefined, after: undefined });
    });

    it('do not fit without their key, or with wrong types', async () => {
      const { backend } = harness();
      const ref = await freshTable(backend, INDEXED);
      const wrong: Item[] = [
        itemOf({ h: s('a') }),
        itemOf({ r: n(1) }),
        itemOf({ h: n(1), r: n(1) }),
        itemOf({ h: s('a'), r: s('1') }),
        plainItem('a', 1, { i: s('text') }),
      ];
      for (const item of wrong) {
        await expect(backend.putItem(ref, item, {})).rejects.toEqual(code('ValidationError'));
        await expect(
          backend.putItems(ref, [
            { item: plainItem('b', 1), expiresAt: undefined },
            { item, expiresAt: undefined },
          ]),
        ).rejects.toEqual(code('ValidationError'));
      }
      expect(await scanAll(backend, ref)).toEqual([]);
    });

    it('may be large, and have keys as long as the limits of the field', async () => {
      const { backend } = harness();
      const ref = await freshTable(backend);
      const large = plainItem('x'.repeat(2048), 1, { v: s('ä'.repeat(500_000)) });
      expect(itemWireSize(large)).toBeGreaterThan(1_000_000);
      await backend.putItem(ref, large, {});
      expect(text((await backend.getItem(ref, large, consistent))?.item)).toBe(text(large));
      const tooLong = plainItem('x'.repeat(70_000), 1);
      await expect(backend.putItem(ref, tooLong, {})).rejects.toEqual(code('ValidationError'));
    });

    it('are written only if what is expected holds', async () => {
      const { backend } = harness();
      const ref = await freshTable(backend);
      const item = plainItem('a', 1, { v: n(1) });
      await backend.putItem(ref, item, { expected: absent });
      const failed = code('ConditionalCheckFailedException');
      await expect(backend.putItem(ref, plainItem('a', 1), { expected: absent })).rejects.toEqual(failed);
      const wrongValue: Expected = new Map([['v', { kind: 'equals', value: n(2) }]]);
      await expect(backend.deleteItem(ref, item, { expected: wrongValue })).rejects.toEqual(failed);
      await expect(
        backend.updateItem(ref, item, new Map([['v', { action: 'ADD', value: n(1) }]]), { expected: wrongValue }),
      ).rejects.toEqual(failed);
      expect(await scanAll(backend, ref)).toEqual([item]);
      const holds: Expected = new Map([
        ['v', { kind: 'equals', value: n(1) }],
        ['w', { kind: 'absent' }],
        ['h', { kind: 'exists' }],
      ]);
      await backend.deleteItem(ref, item, { expected: holds });
      await expect(backend.deleteItem(ref, item, { expected: holds })).rejects.toEqual(failed);
    });

    it('are updated, and created by updates that do not only delete', async () => {
      const { backend } = harness();
      const ref = await freshTable(backend, INDEXED);
      const key = plainItem('a', 1);
      expect(await backend.updateItem(ref, key, new Map([['v', { action: 'DELETE' }]]), {})).toEqual({
        before: undefined,
        after: undefined,
      });
      expect(await scanAll(backend, ref)).toEqual([]);
      const created = await backend.updateItem(ref, key, new Map([['i', { action: 'ADD', value: n(5) }]]), {});
      expect(created).toEqual({ before: undefined, after: plainItem('a', 1, { i: n(5) }) });
      const updated = await backend.updateItem(
        ref,
        key,
        new Map([
          ['i', { action: 'ADD', value: n('0.5') }],
          ['set', { action: 'PUT', value: { type: 'SS', value: ['x'] } }],
        ]),
        {},
      );
      expect(text(updated.after)).toBe(text(plainItem('a', 1, { i: n('5.5'), set: { type: 'SS', value: ['x'] } })));
      expect(await scanAll(backend, ref)).toEqual([updated.after]);
      await expect(
        backend.updateItem(ref, key, new Map([['h', { action: 'PUT', value: s('b') }]]), {}),
      ).rejects.toEqual(code('ValidationError'));
      await expect(
        backend.updateItem(ref, key, new Map([['i', { action: 'PUT', value: s('b') }]]), {}),
      ).rejects.toEqual(code('ValidationError'));
    });

    it('are put many at once, the last of one key staying', async () => {
      const { backend } = harness();
      const ref = await freshTable(backend, INDEXED);
      const items = Array.from({ length: 2500 }, (_each, index) => plainItem('a', index % 1200, { i: n(index) }));
      await backend.putItems(
        ref,
        items.map((item) => ({ item, expiresAt: undefined })),
      );
      const stored = await scanAll(backend, ref);
      expect(stored).toHaveLength(1200);
      expect(
        stored.find((item) => text(new Map([...item].slice(0, 2))) !== '' && item.get('r')?.value === '7')?.get('i'),
      ).toEqual(n(2407));
      await backend.putItems(ref, []);
    });
  });

  describe('items that expire', () => {
    const harness = useHarness(make);

    it('do not exist from their second on, for anybody', async () => {
      const { backend, now, pass } = harness();
      const ref = await freshTable(backend, INDEXED);
      const expiresAt = now() + 10;
      const expiry = expiryOf(harness(), expiresAt);
      const item = plainItem('a', 1, { i: n(1) });
      await backend.putItem(ref, item, { expiresAt });
      await backend.putItem(ref, plainItem('a', 2, { i: n(2) }), {});
      expect(await backend.getItem(ref, item, consistent)).toEqual({ item, expiresAt: expiry });
      expect((await backend.describeTable(ref)).itemCount).toBe(2);
      await pass(10);
      expect(await backend.getItem(ref, item, consistent)).toBeUndefined();
      expect(await scanAll(backend, ref)).toHaveLength(1);
      for (const indexName of [undefined, 'by_i']) {
        const page = await backend.query(ref, {
          hashValue: item,
          forward: true,
          consistent: true,
          ...(indexName ? { indexName } : {}),
        });
        expect(page).toMatchObject({ scannedCount: 1 });
      }
      expect((await backend.describeTable(ref)).itemCount).toBe(1);
      const exists: Expected = new Map([['h', { kind: 'exists' }]]);
      await expect(backend.deleteItem(ref, item, { expected: exists })).rejects.toEqual(
        code('ConditionalCheckFailedException'),
      );
      const add = await backend.updateItem(ref, item, new Map([['i', { action: 'ADD', value: n(5) }]]), {});
      expect(add).toEqual({ before: undefined, after: plainItem('a', 1, { i: n(5) }) });
      expect(await backend.getItem(ref, item, consistent)).toEqual({ item: add.after, expiresAt: undefined });
    });

    it('can be made anew under a condition of absence', async () => {
      const { backend, now, pass } = harness();
      const ref = await freshTable(backend);
      await backend.putItem(ref, plainItem('a', 1), { expiresAt: now() + 5 });
      await expect(backend.putItem(ref, plainItem('a', 1), { expected: absent })).rejects.toEqual(
        code('ConditionalCheckFailedException'),
      );
      await pass(5);
      expect(await backend.putItem(ref, plainItem('a', 1), { expected: absent })).toMatchObject({ before: undefined });
    });

    it('keep their expiry through updates that do not name one; a put sets or clears it', async () => {
      const { backend, now } = harness();
      const ref = await freshTable(backend);
      const key = plainItem('a', 1);
      const expiry = async (): Promise<number | undefined> => (await backend.getItem(ref, key, consistent))?.expiresAt;
      const at = now() + 1000;
      await backend.putItem(ref, key, { expiresAt: at });
      await backend.updateItem(ref, key, new Map([['v', { action: 'PUT', value: s('x') }]]), {});
      expect(await expiry()).toEqual(expiryOf(harness(), at));
      await backend.updateItem(ref, key, new Map([['v', { action: 'PUT', value: s('y') }]]), { expiresAt: at + 5 });
      expect(await expiry()).toEqual(expiryOf(harness(), at + 5));
      await backend.putItem(ref, key, {});
      expect(await expiry()).toBeUndefined();
      await backend.putItems(ref, [{ item: key, expiresAt: at }]);
      expect(await expiry()).toEqual(expiryOf(harness(), at));
    });

    it('are swept away, and others are not', async () => {
      const { backend, now, pass } = harness();
      const ref = await freshTable(backend);
      const mortal = Array.from({ length: 3000 }, (_each, index) => ({
        item: plainItem('a', index),
        expiresAt: now() + 5,
      }));
      await backend.putItems(ref, mortal);
      await backend.putItem(ref, plainItem('b', 1), { expiresAt: now() + 5000 });
      await backend.putItem(ref, plainItem('b', 2), {});
      await pass(5);
      await Promise.all([backend.sweep(), backend.sweep()]);
      expect(await scanAll(backend, ref)).toEqual([plainItem('b', 1), plainItem('b', 2)]);
    });
  });
}
