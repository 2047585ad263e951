import { TableDescription, TableSchema } from '../kernel';
import { chooseFormat, findConflict, TargetFacts } from './restore-plan';
import { parseCreateRestore } from './rest/restore-requests';
import { deployedDialect, specDialect } from '../backup';

const schema: TableSchema = { attributes: new Map([['h', 'S']]), hashKey: 'h', indexes: [] };
const otherSchema: TableSchema = { ...schema, attributes: new Map([['h', 'N']]) };

function target(change: Partial<TableDescription> = {}): TableDescription {
  return {
    projectId: 'p',
    name: 'target',
    id: '0f8fad5b-d9cb-469f-a165-70867728950e',
    schema,
    status: 'ACTIVE',
    createdAt: 0,
    generation: 'g',
    itemCount: 0,
    sizeBytes: 0,
    ...change,
  };
}

const free: TargetFacts = {
  onExisting: 'fail',
  schema,
  target: undefined,
  targetHasItems: false,
  otherRestoreRuns: false,
  exclusiveGateways: true,
  backendReplaces: true,
};

describe('findConflict', () => {
  it.each<[string, Partial<TargetFacts>]>([
    ['there is no target', {}],
    ['there is no target, whatever the mode', { onExisting: 'merge' }],
    ['the target is empty and of the same structure', { target: target() }],
    [
      'it is merged into a table of the same structure',
      { onExisting: 'merge', target: target(), targetHasItems: true },
    ],
    [
      'a table of any structure is replaced',
      { onExisting: 'replace', target: target({ schema: otherSchema }), targetHasItems: true },
    ],
  ])('finds none if %s', (_case, facts) => {
    expect(findConflict({ ...free, ...facts })).toBeUndefined();
  });

  it.each<[string, Partial<TargetFacts>, RegExp]>([
    ['another restore runs', { otherRestoreRuns: true }, /Another restore/],
    ['the target has items', { target: target(), targetHasItems: true }, /has items/],
    ['the target has another structure', { target: target({ schema: otherSchema }) }, /another structure/],
    [
      'it is merged into another structure',
      { onExisting: 'merge', target: target({ schema: otherSchema }) },
      /another structure/,
    ],
    [
      'writers do not know of swaps',
      { onExisting: 'replace', target: target(), exclusiveGateways: false },
      /exclusive_gateways/,
    ],
    ['the backend cannot replace', { onExisting: 'replace', target: target(), backendReplaces: false }, /replaced/],
    ['the target is being dropped', { onExisting: 'replace', target: target({ status: 'DELETING' }) }, /DELETING/],
  ])('finds one if %s', (_case, facts, message) => {
    expect(findConflict({ ...free, ...facts })).toEqual({
      type: 'ConflictError',
      message: expect.stringMatching(message),
    });
  });
});

describe('chooseFormat', () => {
  it('says which and why, and never falls back from native', () => {
    expect(chooseFormat('auto')).toEqual({ format: 'db-agnostic', formatReason: expect.stringContaining('portable') });
    expect(chooseFormat('db-agnostic').format).toBe('db-agnostic');
    expect(() => chooseFormat('native')).toThrow(/native restores are not available/);
  });
});

describe('parseCreateRestore', () => {
  const id = '01890a5d-ac96-774b-bcce-b302099a8057';

  it('reads an id or a source, with defaults', () => {
    const defaults = {
      onExisting: 'fail',
      format: 'auto',
      strategy: undefined,
      dryRun: false,
      clientRequestToken: undefined,
    };
    expect(parseCreateRestore({ id: id.replaceAll('-', '') }, specDialect)).toEqual({
      ...defaults,
      backupId: id,
      source: undefined,
    });
    expect(parseCreateRestore({ source: 'file:///x' }, deployedDialect)).toEqual({
      ...defaults,
      backupId: undefined,
      source: 'file:///x',
    });
  });

  it.each([
    [{}],
    [{ id, source: 'file:///x' }],
    [{ backup_id: id }],
    [{ id: 'x' }],
    [{ id: null }],
    [{ id, on_existing: 'REPLACE' }],
    [{ id, format: 'any' }],
    [{ id, dry_run: 1 }],
    [{ id, dry_run: 'true' }],
    [{ id, table: 'x' }],
    ['x'],
  ])('refuses %j', (body) => {
    expect(() => parseCreateRestore(body, specDialect)).toThrow(expect.objectContaining({ code: 'ValidationError' }));
  });
});
