import { AttributeType, newId } from '../../../src/kernel';
import {
  INDEXED,
  MakeHarness,
  PLAIN,
  code,
  freshRef,
  freshTable,
  n,
  plainItem,
  plainItems,
  put,
  s,
  schemaOf,
  useHarness,
} from './harness';

export function describeTables(make: MakeHarness): void {
  describe('tables', () => {
    const harness = useHarness(make);

    it('are created, described, found by id, and dropped', async () => {
      const { backend } = harness();
      const ref = freshRef();
      const created = await backend.createTable(ref, INDEXED);
      expect(created).toMatchObject({ ...ref, status: 'ACTIVE', itemCount: 0, schema: INDEXED });
      expect(created.id).toMatch(/^[0-9a-f]{8}-/);
      expect(await backend.describeTable(ref)).toEqual(created);
      expect(await backend.tableStructure(ref)).toEqual({ schema: INDEXED, status: 'ACTIVE' });
      expect(await backend.findTableById(ref.projectId, created.id)).toEqual(created);
      expect(await backend.findTableById('other', created.id)).toBeUndefined();
      expect(await backend.findTableById(ref.projectId, newId())).toBeUndefined();
      expect(await backend.findTableById(ref.projectId, 'no id')).toBeUndefined();
      expect(await backend.dropTable(ref)).toMatchObject({ id: created.id, status: 'DELETING' });
      await expect(backend.describeTable(ref)).rejects.toEqual(code('TableNotExistsException'));
      await expect(backend.tableStructure(ref)).rejects.toEqual(code('TableNotExistsException'));
      expect(await backend.findTableById(ref.projectId, created.id)).toBeUndefined();
    });

    it('have one name a project, taken once', async () => {
      const { backend } = harness();
      const ref = await freshTable(backend);
      await expect(backend.createTable(ref, PLAIN)).rejects.toEqual(code('TableAlreadyExistsException'));
      await backend.createTable({ ...ref, projectId: 'other' }, INDEXED);
      expect((await backend.describeTable(ref)).schema).toEqual(PLAIN);
    });

    it('are created once by many at a time', async () => {
      const { backend } = harness();
      const ref = freshRef();
      const tries = await Promise.allSettled(Array.from({ length: 8 }, () => backend.createTable(ref, PLAIN)));
      const refused = tries.filter((each) => each.status === 'rejected');
      expect(refused).toHaveLength(7);
      for (const { reason } of refused) expect(reason).toEqual(code('TableAlreadyExistsException'));
    });

    it('have another id and generation when made again', async () => {
      const { backend } = harness();
      const ref = freshRef();
      const first = await backend.createTable(ref, PLAIN);
      await put(backend, ref, plainItems(3));
      await backend.dropTable(ref);
      const second = await backend.createTable(ref, PLAIN);
      expect(second.id).not.toBe(first.id);
      expect(second.generation).not.toBe(first.generation);
      expect(await backend.getItem(ref, plainItem('hash-0', 0), { consistent: true })).toBeUndefined();
    });

    it('are unknown to every call until they exist', async () => {
      const { backend } = harness();
      const ref = freshRef();
      const key = plainItem('a', 1);
      const calls: (() => Promise<unknown>)[] = [
        () => backend.describeTable(ref),
        () => backend.dropTable(ref),
        () => backend.getItem(ref, key, { consistent: false }),
        () => backend.putItem(ref, key, {}),
        () => backend.updateItem(ref, key, new Map(), {}),
        () => backend.deleteItem(ref, key, {}),
        () => backend.putItems(ref, [{ item: key, expiresAt: undefined }]),
        () => backend.query(ref, { hashValue: key, forward: true, consistent: false }),
        () => backend.scan(ref, { segment: 0, totalSegments: 1 }),
        () => backend.openTable(ref),
        () => backend.beginMerge(ref, 'job'),
        () => backend.lock(ref, { owner: 'job', seconds: 60 }),
      ];
      for (const call of calls) await expect(call()).rejects.toEqual(code('TableNotExistsException'));
      await backend.unlock(ref, 'job');
      await backend.endMerge(ref, 'job');
    });

    it('are listed by the bytes of their names, in pages', async () => {
      const { backend } = harness();
      const projectId = newId();
      const names = ['aaa', 'aab', 'Zed', 'z.9', 'z-1', 'Z_z'];
      for (const name of names) await backend.createTable({ projectId, name }, PLAIN);
      const sorted = [...names].sort();
      expect(await backend.listTables(projectId, { limit: 100 })).toEqual({ names: sorted });
      const first = await backend.listTables(projectId, { limit: 4 });
      expect(first).toEqual({ names: sorted.slice(0, 4), lastEvaluatedName: sorted[3] });
      const rest = await backend.listTables(projectId, { limit: 4, exclusiveStartName: sorted[3] ?? '' });
      expect(rest).toEqual({ names: sorted.slice(4) });
      expect(await backend.listTables('nobody', { limit: 10 })).toEqual({ names: [] });
    });

    it('tell how much they hold', async () => {
      const { backend } = harness();
      const projectId = newId();
      const small = { projectId, name: 'small' };
      const large = { projectId, name: 'large' };
      await backend.createTable(small, PLAIN);
      await backend.createTable(large, PLAIN);
      await put(backend, small, plainItems(12));
      await put(backend, large, plainItems(6000));
      const usage = await backend.listUsage(projectId);
      expect(usage.map((table) => table.name)).toEqual(['large', 'small']);
      expect(usage[1]).toMatchObject({ itemCount: 12 });
      expect(usage[0]?.itemCount).toBeGreaterThan(3000);
      expect(usage[0]?.itemCount).toBeLessThan(12_000);
      expect(usage[0]?.sizeBytes).toBeGreaterThan(usage[1]?.sizeBytes ?? Infinity);
      expect((await backend.listUsage()).length).toBeGreaterThanOrEqual(2);
      expect(await backend.listUsage('nobody')).toEqual([]);
    });

    it('refuse names and structures that cannot be', async () => {
      const { backend } = harness();
      for (const name of ['ab', 'a b c', 'a/b/c', '../..', 'x'.repeat(256), "a'b;--", 'nul\0', 'ümlaut']) {
        await expect(backend.createTable({ projectId: 'demo', name }, PLAIN)).rejects.toEqual(code('ValidationError'));
        await expect(backend.describeTable({ projectId: 'demo', name })).rejects.toEqual(
          code('TableNotExistsException'),
        );
      }
      await expect(backend.createTable(freshRef(), schemaOf({ h: 'SS' }, 'h'))).rejects.toEqual(
        code('ValidationError'),
      );
      await expect(backend.createTable(freshRef(), schemaOf({ a: 'S' }, 'h'))).rejects.toEqual(code('ValidationError'));
      await expect(backend.createTable(freshRef('nul\0'), PLAIN)).rejects.toEqual(code('ValidationError'));
      await expect(backend.describeTable(freshRef('nul\0'))).rejects.toEqual(code('TableNotExistsException'));
      await expect(backend.tableStructure(freshRef('nul\0'))).rejects.toEqual(code('TableNotExistsException'));
      await expect(backend.describeTable(freshRef(`'; DROP SCHEMA magnetodb CASCADE; --`))).rejects.toEqual(
        code('TableNotExistsException'),
      );
    });

    it('take any attribute name for a key', async () => {
      const { backend } = harness();
      const ref = freshRef(`o'"\\brien ☃`);
      const attributes = new Map<string, AttributeType>([
        ['__proto__x', 'S'],
        ['constructor', 'N'],
        ['select.from-1', 'S'],
        ['__proto__', 'SS'],
      ]);
      const indexes = [{ name: 'drop.table', rangeAttribute: 'select.from-1', projection: { type: 'ALL' as const } }];
      await backend.createTable(ref, { attributes, hashKey: '__proto__x', rangeKey: 'constructor', indexes });
      const item = new Map([
        ['__proto__x', s("'; --")],
        ['constructor', n(1)],
        ['select.from-1', s('"\\')],
        ['__proto__', { type: 'SS' as const, value: ['toString'] }],
      ]);
      await backend.putItem(ref, item, {});
      expect((await backend.getItem(ref, item, { consistent: true }))?.item).toEqual(item);
      const page = await backend.query(ref, {
        hashValue: item,
        indexName: 'drop.table',
        forward: true,
        consistent: true,
      });
      expect(page.items).toEqual([item]);
    });
  });

  describe('two instances on one database', () => {
    const harness = useHarness(make);

    it('agree', async () => {
      const { backend, open } = harness();
      const other = await open();
      const ref = await freshTable(backend, INDEXED);
      await other.putItem(ref, plainItem('a', 1, { i: n(5) }), {});
      expect((await backend.getItem(ref, plainItem('a', 1), { consistent: true }))?.item.get('i')).toEqual(n(5));
      const handle = await backend.openTable(ref);
      expect(await other.openTable(ref)).toEqual(handle);
      await other.dropTable(ref);
      await expect(backend.getItem(ref, plainItem('a', 1), { consistent: true })).rejects.toEqual(
        code('TableNotExistsException'),
      );
      await other.createTable(ref, PLAIN);
      expect((await backend.describeTable(ref)).schema).toEqual(PLAIN);
    });
  });
}
