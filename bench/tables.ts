import { CITIES_TABLE, WireItem, cityItems } from '../demo/cities';

/** A table to measure with. */
export interface BenchTable {
  readonly name: string;
  /** Body of create_table. */
  readonly definition: Record<string, unknown>;
  readonly items: number;
  generate(): Generator<WireItem>;
  /** Key of the nth item, 0 … items-1, as get_item wants it. */
  keyOf(index: number): WireItem;
}

/** The real one: hash and range key, a local secondary index, partitions of very different size. */
export function citiesTable(limit: number): BenchTable {
  const keys = [...cityItems(limit)].map(({ country, city_id }): WireItem => ({ country: country ?? {}, city_id: city_id ?? {} }));
  return {
    name: 'cities',
    definition: CITIES_TABLE,
    items: keys.length,
    generate: () => cityItems(limit),
    keyOf: (index) => keys[index] ?? {},
  };
}

const PER_PARTITION = 4;
const WORDS = ['amber', 'birch', 'cobalt', 'delta', 'ember', 'fjord', 'granite', 'harbour', 'indigo', 'juniper', 'krill', 'lagoon'];

/** The large one: partitions of four items; seven attributes of five types, about 250 bytes of JSON, alike on every run. */
export function generatedTable(items: number): BenchTable {
  return {
    name: `generated_${items}`,
    definition: {
      table_name: `generated_${items}`,
      attribute_definitions: [
        { attribute_name: 'device', attribute_type: 'S' },
        { attribute_name: 'seq', attribute_type: 'N' },
      ],
      key_schema: [
        { attribute_name: 'device', key_type: 'HASH' },
        { attribute_name: 'seq', key_type: 'RANGE' },
      ],
    },
    items,
    *generate() {
      for (let index = 0; index < items; index++) yield generatedItem(index);
    },
    keyOf: (index) => generatedKey(index),
  };
}

function generatedKey(index: number): WireItem {
  // Scrambled, so that neighbours in time are no neighbours in the table.
  const device = scramble(Math.floor(index / PER_PARTITION)).toString(16).padStart(8, '0');
  return { device: { S: `device-${device}` }, seq: { N: String(index) } };
}

function generatedItem(index: number): WireItem {
  const random = scramble(index);
  const word = (shift: number): string => WORDS[(random >>> shift) % WORDS.length] ?? '';
  return {
    ...generatedKey(index),
    label: { S: `${word(0)} ${word(4)} ${word(8)} ${random.toString(36)}` },
    reading: { N: `${(random % 100_000) - 50_000}.${(random >>> 7) % 1000}5` },
    raw: { B: Buffer.from(`${random.toString(16)}${index}`).toString('base64') },
    tags: { SS: [...new Set([word(2), word(6), word(10)])] },
    limits: { SNM: { low: String(random % 17), high: String(100 + (random % 1013)) } },
  };
}

/** A 32-bit permutation (the finaliser of MurmurHash3): no two indexes meet. */
function scramble(index: number): number {
  let mixed = index | 0;
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return (mixed ^ (mixed >>> 16)) >>> 0;
}
