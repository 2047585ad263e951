const rows = require('../rows.js');

/** The demo's exit status is 0 only if all is equal. */
module.exports = rows('demo/comparison.ts', 'test/demo/comparison.spec.ts', [
  ['demo-missing-unseen', 'the demo finds what is missing', 'differing: differing + expected.size', 'differing', 'is missing'],
  ['demo-change-unseen', 'the demo finds what has changed', 'if (expected.get(key) !== text) differing += 1;', 'if (!expected.has(key)) differing += 1;', 'has changed'],
  ['demo-double-unseen', 'the demo finds what came twice', '    expected.delete(key);\n', '', 'comes twice'],
  ['demo-digests-unasked', 'the demo compares digests', ' && loaded === restored', '', 'is missing'],
  ['demo-structure-unasked', 'the demo compares the structure', 'structures[0] === structures[1] && ', '', 'another structure'],
  ['demo-count-unasked', 'the demo compares with what the backup says', ' && items === backedUp', '', 'another number'],
]);
