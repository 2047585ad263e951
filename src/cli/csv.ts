import { Item, TableSchema, compareUtf8, formatAttributeValue } from '../kernel';

/** CSV as RFC 4180 has it; how values are spelt: docs/cli.md, "CSV". */

/** More columns than this are no table. */
const MAX_COLUMNS = 10_000;

/** Collects the columns: key first, then as the table defines them, then all others that items have, by their UTF-8 bytes. */
export class CsvColumns {
  private readonly others = new Set<string>();
  private readonly defined: ReadonlySet<string>;

  constructor(schema: TableSchema) {
    const keys = [schema.hashKey, ...(schema.rangeKey === undefined ? [] : [schema.rangeKey])];
    this.defined = new Set([...keys, ...schema.attributes.keys()]);
  }

  /** Notes the item's attributes; false once there are too many. */
  add(item: Item): boolean {
    for (const name of item.keys()) if (!this.defined.has(name)) this.others.add(name);
    return this.others.size <= MAX_COLUMNS;
  }

  names(): string[] {
    return [...this.defined, ...[...this.others].sort(compareUtf8)];
  }
}

export function csvHeader(columns: readonly string[]): string {
  return `${columns.map(quoted).join(',')}\r\n`;
}

/** An absent attribute is an empty field, an empty text a quoted one. */
export function csvLine(columns: readonly string[], item: Item): string {
  const fields = columns.map((name) => {
    const value = item.get(name);
    if (!value) return '';
    if (typeof value.value === 'string') return quoted(value.value);
    return quoted(JSON.stringify(formatAttributeValue(value)[value.type]));
  });
  return `${fields.join(',')}\r\n`;
}

function quoted(text: string): string {
  return text === '' || /[",\r\n]|^\s|\s$/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
