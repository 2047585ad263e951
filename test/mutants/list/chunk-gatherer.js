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
  row('growth-forgets', 'a larger block keeps what came before it', 'Buffer.concat([buffer.subarray(0, used)], ', 'Buffer.concat([], ', 'larger than'),
];
