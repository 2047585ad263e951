import { DecodedItem, DomainError, TableSchema, encodeLine, parseAttributeValue } from '../../kernel';
import { OpenArchive } from '../archive-items';
import { Call, Command } from '../command';
import { CliError, EXIT, usageError } from '../exit-codes';

export const cat: Command = {
  name: 'cat',
  summary: 'print items as JSON lines, all or by key (without a server)',
  arguments: ['LOCATION'],
  online: false,
  options: {
    'hash-key': { value: 'VALUE', help: 'only items of this hash key (binary keys in base64)' },
    'range-key': { value: 'VALUE', help: 'and of this range key' },
  },
  examples: ['cat ./backup | jq .Item', 'cat ./backup --hash-key DE --range-key 2950159'],
  async run(call) {
    const archive = await OpenArchive.of(call);
    const wanted = readKey(call, archive.manifest.schema);
    let printed = 0;
    for await (const batch of archive.batches()) {
      const chosen = wanted.size === 0 ? batch : batch.filter((item) => hasKey(item, wanted));
      printed += chosen.length;
      if (chosen.length > 0) {
        await call.io.out.write(
          Buffer.concat(chosen.map(({ canonical, expiresAt }) => encodeLine(canonical, expiresAt))),
        );
      }
    }
    if (wanted.size > 0 && printed === 0)
      throw new CliError(EXIT.notFound, 'NotFound', 'the backup holds no item of this key');
    return EXIT.ok;
  },
};

/** Key attribute → canonical value. Types come from the table's structure. */
function readKey(call: Call, schema: TableSchema): ReadonlyMap<string, string> {
  const [hash, range] = [call.text('hash-key'), call.text('range-key')];
  if (hash === undefined && range !== undefined) throw usageError('--range-key needs --hash-key beside it');
  if (range !== undefined && schema.rangeKey === undefined) throw usageError('the table has no range key');
  const key = new Map<string, string>();
  if (hash !== undefined) key.set(schema.hashKey, canonicalValue(schema, schema.hashKey, hash, '--hash-key'));
  if (range !== undefined && schema.rangeKey !== undefined) {
    key.set(schema.rangeKey, canonicalValue(schema, schema.rangeKey, range, '--range-key'));
  }
  return key;
}

function canonicalValue(schema: TableSchema, attribute: string, text: string, option: string): string {
  const { value } = parseAttributeValue({ [schema.attributes.get(attribute) ?? 'S']: text }, option);
  if (typeof value !== 'string') throw new DomainError('ArchiveDamaged', 'a key of the table is not a scalar');
  return value;
}

function hasKey(item: DecodedItem, wanted: ReadonlyMap<string, string>): boolean {
  for (const [name, value] of wanted) if (item.defined.get(name)?.value !== value) return false;
  return true;
}
