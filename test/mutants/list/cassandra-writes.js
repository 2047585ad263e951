const rows = require('../rows');

const RESTORES = 'test/e2e/cassandra-restores.e2e-spec.ts';

module.exports = [
  ...rows('src/tables/cassandra/write-window.ts', 'src/tables/cassandra/write-window.spec.ts', [
    ['cassandra-window-unbounded', 'no more writes are on their way than the cluster takes', 'if (this.held >= this.size) await turn(this.newcomers, signal);', 'if (this.held < 0) await turn(this.newcomers, signal);', 'no more of them on their way'],
    ['cassandra-window-fixed', 'there are more writes at once while the cluster answers soon', 'if (mayGrow && isUsed)', 'if (mayGrow && !isUsed)', 'grows while they end soon'],
    ['cassandra-window-no-halving', 'there are half as many writes at once on an overload', 'this.limit = Math.max(1, this.limit / 2);', 'this.limit = Math.max(1, this.limit);', 'halves when the servers'],
    ['cassandra-window-cut-twice', 'what was sent together is one overload', 'if (sentAt > this.cutAt && domainError', 'if (sentAt >= 0 && domainError', 'halves when the servers'],
    ['cassandra-window-to-nothing', 'a slow cluster is written to all the same', 'Math.max(LEAST_WHEN_SLOW, this.limit - 1 / this.limit)', 'this.limit - 1 / this.limit', 'shrinks while they take long'],
    ['cassandra-no-patience', 'a timeout fails no restore', 'if (this.options.now() - failedAt >= this.options.patienceMillis)', 'if (this.options.now() >= failedAt)', 'goes on after'],
    ['cassandra-late-put', 'a put is not made again later, over what was written since', 'if (!again) await', 'if (!signal) await', 'nor what is to be made once'],
  ]),
  ...rows('src/tables/cassandra/batch-planner.ts', 'src/tables/cassandra/batch-planner.spec.ts', [
    ['cassandra-mixed-replicas', 'a batch goes to nodes that hold all of it', 'const name = this.replicasOf(hash);', "const name = this.replicasOf(hash) && '';", 'one set of replicas only'],
    ['cassandra-batch-bytes', 'batches are bounded by bytes', 'last.bytes + bytes <= this.limit.bytes', 'last.bytes >= 0', 'bounded by bytes and by statements'],
    ['cassandra-open-batches', 'memory does not grow with the cluster', 'this.openBytes > MAX_OPEN_BYTES', 'this.openBytes < 0', 'that are not full yet'],
  ]),
  ...rows('src/tables/cassandra/replica-sets.ts', 'src/tables/cassandra/batch-planner.spec.ts', [
    ['cassandra-wrong-range', 'replicas are those of the token range', 'if ((this.ends[middle] ?? token) < token)', 'if ((this.ends[middle] ?? token) <= token)', 'first end at or behind'],
  ]),
  ...rows('src/tables/cassandra/row-encoder.ts', 'src/tables/cassandra/row-encoder.spec.ts', [
    ['cassandra-wrong-shape', 'items of different attributes are told apart', 'if (!head || !holds(bytes, at, head)) return false;', 'if (!head) return false;', 'of any shape one after another'],
    ['cassandra-escapes-kept', 'texts are written as they are meant', 'if (bytes[at] === BACKSLASH) return', 'if (bytes[at] === 0) return', 'gives the text'],
    ['cassandra-negative-bytes', 'negative numbers are written as such', 'rest = negative ? -value - 1 : value', 'rest = value', 'gives the number'],
    ['cassandra-scale-lost', 'fractions are written as such', 'if (isFraction) scale++;', '', 'gives the number'],
    ['cassandra-empty-key', 'a key that Cassandra has not is refused', 'for (const [index, cell] of key.entries()) checkKeyBytes(this.layout, index, cell.length);', '', 'keys that Cassandra has not'],
  ]),
  ...rows('src/tables/cassandra/bulk-writer.ts', 'src/tables/cassandra/bulk-writer.spec.ts', [
    ['cassandra-too-large', 'a batch that a cluster refuses is made smaller', 'if (!isTooLarge(error) || rows.length < 2) throw error;', 'throw error;', 'refuses as too large'],
    ['cassandra-no-back-pressure', 'memory does not grow while the cluster does not answer', 'await this.window.enter(this.signal).catch(', 'void this.window.enter(this.signal).catch(', 'no more rows than it may have'],
    ['cassandra-stale-life', 'a row that waited does not live longer for it', 'const life = lifeOf(expiresAt);', 'const life = 0;', 'what is left of it when it is sent'],
  ]),
  ...rows('src/restore/engine/collisions.ts', 'src/restore/engine/portable-restore.spec.ts', [
    ['collision-unnamed', 'a collision is named where the backend does not look', 'if (earlier !== undefined && earlier !== value) return item;', '', 'names the key of two'],
    ['collision-same', 'an item that is there twice is no collision', ' && earlier !== value) return item;', ') return item;', 'names the key of two'],
  ]),
  ...rows('src/restore/engine/passing-items.ts', 'src/restore/engine/passing-items.spec.ts', [
    ['passing-edge', 'what ends close to a moment is on one side of it', 'return expiringAt(item, this.begun + moment + EARLY + 1);', 'return item;', 'proving all that live longer|close to a moment'],
    ['passing-late', 'what ends late is not taken for what lives longer', 'if (life <= moment - LATE) {', 'if (life <= moment) {', 'proving all that live longer'],
    ['passing-moment', 'a verification has time', 'this.begun + moment >= now + ahead', 'this.begun + moment >= now', 'proving all that live longer'],
  ]),
  ...rows('src/restore/restore.handler.ts', RESTORES, [
    ['restore-collision', 'two items of one key fail a restore on Cassandra, named', '(await this.collision(context, step, params, plan, { loaded, found })) ?? error', 'error', 'naming the key'],
    ['restore-passing', 'items that expire meanwhile fail no restore on Cassandra', 'const moment = passing.isEmpty ? null', 'const moment = passing ? null', 'expire before they are read back'],
  ]),
];
