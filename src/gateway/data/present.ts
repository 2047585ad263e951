import { Item, TableDescription, formatItem, isoTime, projectItem, schemaToJson } from '../../kernel';

/** Anything that JSON can say, without a prototype where clients choose the names. */
export type Json = Record<string, unknown>;

/** MagnetoDB's description of a table. `selfUrl` is the table's absolute URL. */
export function presentTable(table: TableDescription, selfUrl: string): Json {
  const { attribute_definitions, key_schema, local_secondary_indexes } = schemaToJson(table.schema);
  return {
    attribute_definitions,
    creation_date_time: isoTime(table.createdAt),
    item_count: table.itemCount,
    key_schema,
    // MagnetoDB counts neither the items nor the bytes of an index; its clients expect the keys.
    ...(local_secondary_indexes.length === 0
      ? {}
      : {
          local_secondary_indexes: local_secondary_indexes.map((index) => ({
            ...index,
            index_size_bytes: 0,
            item_count: 0,
          })),
        }),
    table_id: table.id,
    table_name: table.name,
    table_size_bytes: table.sizeBytes,
    table_status: table.status,
    links: [
      { href: selfUrl, rel: 'self' },
      { href: selfUrl, rel: 'bookmark' },
    ],
  };
}

/** An item, or of it the named attributes. */
export function presentItem(item: Item, names?: readonly string[]): Json {
  return formatItem(names === undefined ? item : projectItem(item, names));
}

/** An object whose keys are names that clients chose, `__proto__` among them. */
export function namedObject(entries: Iterable<readonly [string, unknown]>): Json {
  const object = Object.create(null) as Json;
  for (const [name, value] of entries) object[name] = value;
  return object;
}
