const rows = require('../rows');

const HERE = 'src/tables/cassandra';
const STEADY = `${HERE}/steady-pages.spec.ts`;
const LINES = `${HERE}/frames/page-lines.spec.ts`;
const LANE = `${HERE}/frames/frame-block-pages.spec.ts`;

module.exports = [
  ...rows(`${HERE}/ring-cuts.ts`, `${HERE}/ring-cuts.spec.ts`, [
    ['frames-even-cuts', 'ranges weigh alike where the ring does not', '(wanted - before) / segment.bytes', 'cut / parts', 'parts of like weight'],
    ['frames-no-snap', 'ranges end where those of the nodes do', '<= SNAP * share) token = end;', '< 0) token = end;', 'where the token ranges of the nodes end'],
    ['frames-overlaps', 'estimates of a ring that changes are not counted twice', 'if (upTo <= last) continue;', '', 'bears estimates'],
  ]),
  ...rows(`${HERE}/ring.ts`, `${HERE}/ring-cuts.spec.ts`, [
    ['frames-one-node-asked', 'every node is asked for its estimates', 'this.near().map(async (host) => {', 'this.near().slice(0, 1).map(async (host) => {', 'asks every node'],
    ['frames-node-away', 'a node that does not answer keeps no table from being cut', '          () => [],\n', '', 'asks every node'],
    ['frames-far-nodes', 'ranges are read in the data centre', "&& host.datacenter === this.dataCenter", '', 'of the data centre'],
  ]),
  ...rows(`${HERE}/range-splitter.ts`, `${HERE}/range-splitter.spec.ts`, [
    ['frames-blind-faith', 'estimates a hundred times too low are not believed', 'estimated < looked / MOST_WRONG', 'estimated < 0', 'too low are not'],
    ['frames-blind-fear', 'estimates a hundred times too high are not believed', 'fraction !== undefined && estimated > looked * MOST_WRONG', 'false', 'too high are not'],
  ]),
  ...rows(`${HERE}/bisect.ts`, `${HERE}/bisect.spec.ts`, [
    ['frames-slow-halves', 'a stretch of a partition that can be read is found soon', 'return half > shared && raised < base ?', 'return half < 0 ?', 'comes close'],
  ]),
  ...rows(`${HERE}/steady-pages.ts`, STEADY, [
    ['frames-same-size', 'what failed is asked for in smaller pages', 'Math.floor(fetchSize / SHRINK)', 'fetchSize', 'asks again after a failure'],
    ['frames-same-node', 'what failed is asked of another node', 'this.failures % (nodes.length + 1)', '0', 'asks again after a failure'],
    ['frames-rest-lost', 'nothing behind the last row is lost when a slice is cut', 'const halves = rest ?? halve', 'const halves = rest?.slice(0, 1) ?? halve', 'with a new statement'],
    ['frames-one-sibling', 'partitions behind tombstones that share a token are all found', 'return sortedKeys(hashes).map(', 'return sortedKeys(hashes).slice(0, 1).map(', 'of partitions that share a token'],
    ['frames-no-ahead', 'one page is read ahead', '        ahead = this.next();\n        // Whoever', '        // Whoever', 'one page ahead'],
    ['frames-never-gives-up', 'a read that stays hard ends with an error', 'performance.now() - this.progressAt > most', 'performance.now() < 0', 'gives up after its time'],
    ['frames-deaf', 'a read ends when it is told to, also while it waits', 'maxPauseMillis], this.options.signal);', 'maxPauseMillis], undefined);', 'ends when it is told'],
  ]),
  ...rows(`${HERE}/range-reader.ts`, `${HERE}/range-reader.spec.ts`, [
    ['frames-tombstones', 'a real node with more tombstones than it reads at once is backed up', 'patience: this.patience });', 'patience: { ...this.patience, hardReadMillis: -1 } });', 'more tombstones than a node reads'],
  ]),
  ...rows(`${HERE}/frames/page-lines.ts`, LINES, [
    ['frames-cursor', 'a block tells where its last item stands', 'this.lastItem = part.lastItem ?? this.lastItem;', 'this.lastItem ||= part.lastItem ?? 0;', 'where each block ends'],
    ['frames-codec-uncounted', 'rows that the codec reads are proved, too', 'digest.merge(this.codecs);', '', 'stands for a column, too'],
  ]),
  ...rows(`${HERE}/frames/frame-rows.ts`, LINES, [
    ['frames-windows', 'a row that lies across two windows is whole', 'address - this.windowAt + this.from;', 'address - this.windowAt;', 'rows lie across'],
  ]),
  ...rows('assembly/rows.ts', LINES, [
    ['frames-utf8', 'text that is no UTF-8 is read as the driver does', 'if (notAscii && !isUtf8(start, out)) return false;', '', 'no UTF-8'],
    ['frames-order', 'attributes stand in the order of their bytes', 'if (order < 0) break;', 'if (order > 0) break;', 'before and behind columns'],
    ['frames-doubled', 'an attribute that stands twice is read once', 'if (order === 0) return false;', '', 'stands for a column, too'],
    ['frames-mortal', 'mortal items stay mortal', 'if (int32(at) < 0) return IMMORTAL;', 'if (int32(at) > 0) return IMMORTAL;', 'over all types'],
    ['frames-name', 'names are looked at', 'if (load<u8>(NAME_BYTES + load<u8>(at)) === 0) return false;', 'if (load<u8>(NAME_BYTES + load<u8>(at)) === 2) return false;', 'a name that no item has'],
    ['frames-carry', 'digests are added as numbers of 128 bits', 'digestHigh + (sum < digestLow ? 1 : 0)', 'digestHigh', 'many share a bucket'],
    ['frames-large-rows', 'large rows do not outgrow the memory that is there', 'next - at > <usize>mostRowBytes || ', '', 'rows lie across'],
  ]),
  ...rows('assembly/decimal.ts', LINES, [
    ['frames-zeros', 'numbers are spelt canonically', 'for (; load<u8>(last - 1) === 0x30; scale--) last -= 1;', '', 'zeros at the end'],
    ['frames-large-numbers', 'numbers are exact', 'high = (high << 8) | (low >> 56);', 'high = high << 8;', '38 digits'],
  ]),
  ...rows('assembly/json.ts', LINES, [
    ['frames-dynamic-numbers', 'numbers of dynamic attributes are spelt canonically', 'return dot < end - 1 && load<u8>(end - 1) !== 0x30;', 'return true;', 'a number to be spelt otherwise'],
    ['frames-escapes', 'dynamic text is spelt canonically', 'return isShort ? NONE : at + 6;', 'return at + 6;', 'escapes that have a shorter form'],
    ['frames-binaries', 'dynamic binaries are strict base64', '(last & (padding === 1 ? 3 : 15)) === 0', 'last >= 0', 'base64 with bits'],
    ['frames-dynamic-sets', 'dynamic sets are in canonical order', 'if (behind === NONE || (before !== NONE && !ascends(before, at))) return false;', 'if (behind === NONE) return false;', 'a set out of order'],
    ['frames-dynamic-maps', 'dynamic maps are in canonical order', 'load<u8>(colon) !== 0x3a || (before !== NONE && !ascends(before, at))', 'load<u8>(colon) !== 0x3a', 'a map out of order'],
    ['frames-dynamic-twice', 'a member that stands twice is one', 'return b !== QUOTE && (a === QUOTE || a < b);', 'return a === QUOTE || a < b;', 'a set with a member twice'],
  ]),
  ...rows(`${HERE}/frames/frame-block-pages.ts`, LANE, [
    ['frames-memory', 'the memory of lines is used again', 'this.spares.push(buffer);', 'void buffer;', 'uses the memory of lines again'],
  ]),
  ...rows(`${HERE}/frames/node-connection.ts`, LANE, [
    ['frames-forgotten', 'statements that a node forgot are prepared again', 'this.statements.delete(query);\n      }', '}', 'prepares again'],
    ['frames-huge', 'a page larger than memory bears is not taken', 'if (bytes <= MAX_FRAME_BYTES ||', 'if (bytes > 0 ||', 'larger than memory'],
    ['frames-password', 'the lane logs in', 'plainBody(credentials)', "plainBody({ ...credentials, password: '' })", 'logs in with a password'],
  ]),
  ...rows(`${HERE}/frames/lane-server.ts`, LANE, [
    ['frames-ahead-twice', 'a page that was begun is not read once more', 'return begun ?? this.read(request);', 'return this.read(request);', 'before anybody comes'],
    ['frames-types', 'columns of other types are for the driver', "if (told.join() !== types) throw", "if (told.join() === '') throw", 'leaves to the driver'],
    ['frames-dead-connection', 'a connection that broke is made anew', 'if (known?.isOpen === true) return known;', 'if (known !== undefined) return known;', 'connects again'],
  ]),
  ...rows(`${HERE}/frames/wire.ts`, LANE, [
    ['frames-warnings', 'rows are found behind warnings', 'if ((flags & WARNED) !== 0) for', 'if ((flags & WARNED) > 99) for', 'behind warnings'],
    ['frames-state', 'a page goes on where the last one ended', '...(pageState ? [sized(pageState)] : []),', '', 'one behind the other'],
  ]),
];
