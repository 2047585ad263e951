const whereAmI = (): string => String(new Error('here').stack);

describe('scripts that test files share', () => {
  it('tell the place in the source', () => {
    expect(whereAmI()).toContain('test/setup/shared-scripts.spec.ts:1:39)');
  });

  it('run anew in each registry of modules', () => {
    const loaded: unknown[] = [];
    for (let nth = 0; nth < 2; nth += 1) {
      jest.isolateModules(() => loaded.push(jest.requireActual<Record<string, unknown>>('../../src/kernel')['DomainError']));
    }
    expect(loaded[0]).toEqual(expect.any(Function));
    expect(loaded[1]).not.toBe(loaded[0]);
  });
});
