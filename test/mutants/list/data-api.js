const rows = require('../rows');

const ITEMS = 'test/e2e/data-api-items.e2e-spec.ts';
const BATCHES = 'test/e2e/data-api-batches.e2e-spec.ts';
const BULK = 'test/e2e/data-api-bulk-load.e2e-spec.ts';

module.exports = [
  ...rows('src/kernel/semantics.ts', 'src/kernel/semantics.spec.ts', [
    ['condition-on-type', 'a condition compares types too', '  if (a.type !== b.type) return false;\n', '', 'same text, other type|EQ'],
    ['absent-meets-ne', 'an absent attribute meets NULL only', '  if (value === undefined) return false;\n  if (operator', '  if (value === undefined) return operator === \'NE\';\n  if (operator', 'NE'],
    ['number-as-text', 'numbers are compared by value', "if (a.type === 'N') return compareNumbers(a.value, b.value);", "if (a.type === 'N') return compareUtf8(a.value, b.value);", '"9" comes before "10"'],
    ['update-of-key', 'key attributes cannot be updated', 'if (name === schema.hashKey || name === schema.rangeKey)\n', "if (name === '')\n", 'refuses to update the key'],
    ['delete-makes-item', 'updates that only delete create nothing', 'if (item === undefined && !changed) return undefined;', '', 'leaves an absent item absent'],
    ['growth-unchecked', 'no update makes an item grow above the limit', 'if (itemWireSize(sorted) > maxItemBytes)', 'if (maxItemBytes < 0)', 'refuses growth beyond the limit'],
  ]),
  ...rows('src/gateway/data/requests/item.ts', ITEMS, [
    ['item-of-any-size', 'no item is larger than the limit', 'if (itemWireSize(item) > maxItemBytes) throw', 'if (maxItemBytes < 0) throw', 'refuses an item above the limit'],
    ['key-with-surplus', 'a key is exactly the key attributes', 'if (surplus.length > 0)', 'if (surplus.length > 99)', 'refuses a key with another attribute'],
    ['empty-hash-key', 'no hash key is empty', "if (value?.value === '') throw", 'if (value === undefined) throw', 'empty hash key'],
  ]),
  ...rows('src/gateway/data/requests/body.ts', ITEMS, [
    ['unknown-keys-pass', 'unknown keys are refused', 'if (unknown.length > 0)\n', 'if (unknown.length > 99)\n', 'refuses an unknown key'],
  ]),
  ...rows('src/gateway/data/items.service.ts', 'test/e2e/data-api-scenarios.e2e-spec.ts', [
    ['ttl-from-epoch', 'a time to live counts from now', 'Math.floor(nowMillis / 1000) + timeToLive', 'timeToLive', 'is set and cleared by a put'],
    ['ttl-zero-expires', 'a time to live of 0 is for ever', 'timeToLive === 0 ? null', 'timeToLive < 0 ? null', 'is set and cleared by a put|ended by 0'],
  ]),
  ...rows('src/gateway/data/batches.service.ts', BATCHES, [
    ['batch-doubles', 'a batch writes each item once', 'if (seen.has(text)) throw', "if (text === '') throw", 'refuses a put and a delete of one item|two spellings'],
    ['batch-hides-defects', 'a defect fails the whole batch', '(failures === inputs.length || !isForNow(first))', 'failures === inputs.length', 'fails as a whole on a defect'],
    ['batch-answer-of-any-size', 'a batch answers about 16 MiB at most', 'if (bytes >= MAX_ANSWER_BYTES)', 'if (bytes < 0)', 'hands back keys beyond 16 MiB'],
  ]),
  ...rows('src/gateway/data/bulk-load.ts', BULK, [
    ['bulk-goes-on', 'a bulk load stops at the first item that fails', '    this.stopped = true;\n', '', 'stops the load'],
    ['bulk-runs-ahead', 'a bulk load reads no faster than it stores', '    await this.writing;\n    if (batch.length > 0) this.writing = this.write(batch);', '    const before = this.writing;\n    if (batch.length > 0) this.writing = before.then(() => this.write(batch));', 'read no faster than it is stored'],
  ]),
  ...rows('src/gateway/data/split-lines.ts', 'src/gateway/data/split-lines.spec.ts', [
    ['line-of-any-length', 'a line is held up to the limit only', 'Buffer.from(bytes.subarray(0, KEPT_BYTES))', 'bytes', 'keeps little of a line'],
  ]),
  ...rows('src/gateway/monitoring/monitoring.controller.ts', 'test/e2e/data-api-monitoring.e2e-spec.ts', [
    ['usage-for-everybody', 'other projects are shown to administrators only', '  @EveryProject()\n', '', 'shows other projects to nobody else'],
  ]),
];
