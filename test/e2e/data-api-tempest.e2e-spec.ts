import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { collectTestNames } from '../setup/collect-test-names';

/** Tests below `contrib/tempest/tempest/api/keyvalue/stable/rest` of MagnetoDB's last release. */
const MAGNETODB_TESTS = 313;

interface Row {
  readonly theirs: string;
  readonly file: string;
  readonly ours: string;
}

/** The rows of docs/magnetodb-tempest.md. */
function readRows(): Row[] {
  const rows: Row[] = [];
  let section = '';
  for (const line of readFileSync(join(__dirname, '../../docs/magnetodb-tempest.md'), 'utf8').split('\n')) {
    section = /^## `(.*)`$/.exec(line)?.[1] ?? section;
    const [, theirs, file, ours] = /^\| `([^`]+)` \| `([^`]+)` \| (.*?) \| .*\|$/.exec(line) ?? [];
    if (theirs && file && ours) rows.push({ theirs: `${section} ${theirs}`, file, ours });
  }
  return rows;
}

describe("docs/magnetodb-tempest.md, the table of MagnetoDB's tests against ours", () => {
  const rows = readRows();

  it('has a row for each of theirs', () => {
    expect(new Set(rows.map((row) => row.theirs)).size).toBe(MAGNETODB_TESTS);
    expect(rows).toHaveLength(MAGNETODB_TESTS);
  });

  it('names only tests of ours that exist', () => {
    const titles = new Map<string, Set<string>>();
    const isKnown = ({ file, ours }: Row): boolean => {
      const known = titles.get(file) ?? new Set(collectTestNames(join(__dirname, file)));
      titles.set(file, known);
      return known.has(ours);
    };
    expect(rows.filter((row) => !isKnown(row))).toEqual([]);
  });
});
