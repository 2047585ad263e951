import { TableDescription, TableSchema } from '../kernel';
import { chooseFormat, findConflict, FormatFacts, TargetFacts } from './restore-plan';
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
  const facts: FormatFacts = {
    asked: 'auto',
    backupFormat: 'postgresql-1',
    tablesFormat: 'postgresql-1',
    trusted: true,
    itemByItem: undefined,
  };
  const portable: FormatFacts = { ...facts, backupFormat: undefined };
  const merging: FormatFacts = { ...facts, itemByItem: 'a merge goes item by item' };

  it.each<[string, FormatFacts, 'db-agnostic' | 'native', RegExp]>([
    ['a portable backup', portable, 'db-agnostic', /portable/],
    ['a portable backup, asked for so', { ...portable, asked: 'db-agnostic' }, 'db-agnostic', /asked for/],
    ['a native backup and tables of its kind', facts, 'native', /of its kind/],
    ['a native backup, asked for so', { ...facts, asked: 'native' }, 'native', /asked for/],
    [
      'a native backup that is asked for item by item',
      { ...facts, asked: 'db-agnostic' },
      'db-agnostic',
      /asked for.*read out/,
    ],
    [
      'the same where the tables are of another kind',
      { ...facts, asked: 'db-agnostic', tablesFormat: undefined, trusted: false },
      'db-agnostic',
      /read out/,
    ],
    ['a merge of a native backup', merging, 'db-agnostic', /merge/],
    ['a native backup from outside', { ...facts, trusted: false }, 'db-agnostic', /outside.*restore:native:external/],
  ])('says which and why: %s', (_what, given, format, reason) => {
    expect(chooseFormat(given)).toEqual({ format, formatReason: expect.stringMatching(reason) });
  });

  it.each<[string, FormatFacts, string, RegExp]>([
    ['a portable backup', { ...portable, asked: 'native' }, 'ValidationError', /holds no native files/],
    [
      'tables of another kind',
      { ...facts, asked: 'native', tablesFormat: 'cassandra-1' },
      'ValidationError',
      /same kind/,
    ],
    [
      'tables without a format of their own',
      { ...facts, asked: 'native', tablesFormat: undefined },
      'ValidationError',
      /same kind/,
    ],
    ['tables of another kind, left to us', { ...facts, tablesFormat: 'cassandra-1' }, 'ValidationError', /same kind/],
    ['another layout of the same kind', { ...facts, tablesFormat: 'postgresql-2' }, 'ValidationError', /same kind/],
    ['a merge', { ...merging, asked: 'native' }, 'ValidationError', /merge/],
    ['files from outside', { ...facts, asked: 'native', trusted: false }, 'Forbidden', /restore:native:external/],
  ])('never falls back from native, nor elsewhere in silence: %s', (_what, given, code, message) => {
    expect(() => chooseFormat(given)).toThrow(
      expect.objectContaining({ code, message: expect.stringMatching(message) }),
    );
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
