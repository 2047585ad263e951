const row = (name, promise, find, replace, only) => ({
  name: `gather-${name}`,
  promise,
  file: 'src/backup/engine/chunk-gatherer.ts',
  find,
  replace,
  test: 'src/backup/engine/chunk-gatherer.spec.ts',
  only,
});

module.exports = [
  row('no-reset', 'a chunk begins empty', '      used = 0;', '      used += 0;', 'fills chunks'),
  row('digest-kept', 'a chunk proves its own items only', '      digest = new TableDigest();', '', 'fills chunks'),
  row('tail-lost', 'what is left at the end is a chunk', 'if (cursor !== undefined) yield', 'if (used >= targetBytes) yield', 'fills chunks'),
  row('buffer-new', 'a range uses the buffer of one that is done', '  shelf.giveBack(buffer);\n', '', 'uses the buffer'),
  row('buffer-shared', 'two ranges never write into one buffer', 'let buffer = shelf.take(targetBytes + ROOM_BYTES);', 'let buffer = shelf.take(targetBytes + ROOM_BYTES);\n  shelf.giveBack(buffer);', 'uses the buffer'),
  {
    name: 'shelf-too-small',
    promise: 'a buffer that is too small is not taken for a larger one',
    file: 'src/backup/engine/buffer-shelf.ts',
    find: ' && memory.byteLength >= bytes',
    replace: '',
    test: 'src/backup/engine/buffer-shelf.spec.ts',
    only: 'too small',
  },
  row('growth-forgets', 'a larger block keeps what came before it', 'Buffer.concat([buffer.subarray(0, used)], ', 'Buffer.concat([], ', 'larger than'),
];
