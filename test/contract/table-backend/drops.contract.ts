import { MakeHarness, code, freshTable, itemTexts, noWriteLandsAfter, plainItem, plainItems, put, readBlocks, s, scanAll, useHarness, PLAIN } from './harness';

export function describeDrops(make: MakeHarness): void {
  describe('drops in two steps', () => {
    const harness = useHarness(make);

    it('begin by refusing every data call, in every process, while the content can still be read', async () => {
      const { backend, open } = harness();
      const other = await open();
      const ref = await freshTable(backend);
      const key = plainItem('a', 1);
      await backend.putItem(ref, key, {});
      const table = await backend.describeTable(ref);
      expect(await backend.beginDrop(ref, 'drop')).toEqual({ ...table, status: 'DELETING' });
      expect(await backend.beginDrop(ref, 'drop')).toMatchObject({ id: table.id, status: 'DELETING' });
      expect((await other.describeTable(ref)).status).toBe('DELETING');
      expect((await other.findTableById(ref.projectId, table.id))?.status).toBe('DELETING');
      const calls: (() => Promise<unknown>)[] = [
        () => other.getItem(ref, key, { consistent: false }),
        () => other.putItem(ref, key, {}),
        () => other.updateItem(ref, key, new Map([['v', { action: 'PUT', value: s('x') }]]), {}),
        () => other.deleteItem(ref, key, {}),
        () => other.putItems(ref, [{ item: key, expiresAt: undefined }]),
        () => other.query(ref, { hashValue: key, forward: true, consistent: false }),
        () => other.scan(ref, { segment: 0, totalSegments: 1 }),
        () => other.dropTable(ref),
        () => other.beginMerge(ref, 'merge'),
        () => other.lock(ref, { owner: 'job', seconds: 60 }),
        () => other.beginDrop(ref, 'another drop'),
      ];
      for (const call of calls) await expect(call()).rejects.toEqual(code('ResourceInUseException'));
      await expect(other.createTable(ref, PLAIN)).rejects.toEqual(code('TableAlreadyExistsException'));
      expect(itemTexts(await readBlocks(other, await other.openTable(ref)))).toHaveLength(1);
      expect(await other.droppingTables()).toContainEqual({ ref, owner: 'drop' });
    });

    it('end with the table gone, and do nothing more to one that is made anew', async () => {
      const { backend } = harness();
      const ref = await freshTable(backend);
      await put(backend, ref, plainItems(3));
      await backend.beginDrop(ref, 'drop');
      await backend.finishDrop(ref, 'another drop');
      expect((await backend.describeTable(ref)).status).toBe('DELETING');
      await backend.finishDrop(ref, 'drop');
      await expect(backend.describeTable(ref)).rejects.toEqual(code('TableNotExistsException'));
      await backend.finishDrop(ref, 'drop');
      await backend.createTable(ref, PLAIN);
      await backend.finishDrop(ref, 'drop');
      await backend.cancelDrop(ref, 'drop');
      expect((await backend.describeTable(ref)).status).toBe('ACTIVE');
    });

    it('or with the table ACTIVE again, as it was', async () => {
      const { backend } = harness();
      const ref = await freshTable(backend);
      const items = plainItems(3);
      await put(backend, ref, items);
      const table = await backend.describeTable(ref);
      await backend.beginDrop(ref, 'drop');
      await backend.cancelDrop(ref, 'another drop');
      expect((await backend.describeTable(ref)).status).toBe('DELETING');
      await backend.cancelDrop(ref, 'drop');
      await backend.cancelDrop(ref, 'drop');
      expect(await backend.describeTable(ref)).toEqual(table);
      expect(await backend.droppingTables()).not.toContainEqual({ ref, owner: 'drop' });
      expect(await scanAll(backend, ref)).toHaveLength(3);
      await backend.finishDrop(ref, 'drop');
      await backend.putItem(ref, plainItem('a', 1), {});
    });

    it('do not begin in MAINTENANCE, nor of a table that is not there', async () => {
      const { backend } = harness();
      const ref = await freshTable(backend);
      await backend.lock(ref, { owner: 'job', seconds: 60 });
      await expect(backend.beginDrop(ref, 'drop')).rejects.toEqual(code('TableLocked'));
      await backend.unlock(ref, 'job');
      expect((await backend.describeTable(ref)).status).toBe('ACTIVE');
      await expect(backend.beginDrop({ ...ref, name: 'nobody' }, 'drop')).rejects.toEqual(code('TableNotExistsException'));
      await backend.finishDrop({ ...ref, name: 'nobody' }, 'drop');
      await backend.cancelDrop({ ...ref, name: 'nobody' }, 'drop');
    });

    it('wait for the writes that are on their way: none lands afterwards', () =>
      noWriteLandsAfter(harness(), 'ResourceInUseException', (backend, ref) => backend.beginDrop(ref, 'drop')));

    it('keep a build from being published onto the table', async () => {
      const { backend } = harness();
      const ref = await freshTable(backend);
      const { id } = await backend.describeTable(ref);
      const build = await backend.openBuild(ref.projectId, `build of ${id}`, PLAIN);
      await backend.sealBuild(build);
      await backend.beginDrop(ref, 'drop');
      await expect(backend.publishBuild(build, ref.name, { mode: 'replace', tableId: id, graceSeconds: 0 })).rejects.toEqual(
        code('ResourceInUseException'),
      );
      await backend.dropBuild(ref.projectId, `build of ${id}`);
    });
  });
}
