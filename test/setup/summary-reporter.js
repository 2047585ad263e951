const fs = require('node:fs');
const path = require('node:path');

/** Prints, and keeps in test-results/summary.txt, one plain line that says how many tests passed and failed. */
module.exports = class SummaryReporter {
  onRunComplete(_contexts, results) {
    const broken = results.testResults.filter((file) => file.testExecError).length;
    const skipped = results.numPendingTests + results.numTodoTests;
    const line = `${results.numPassedTests} passed, ${results.numFailedTests + broken} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`;
    const folder = path.join(__dirname, '../../test-results');
    fs.mkdirSync(folder, { recursive: true });
    fs.writeFileSync(path.join(folder, 'summary.txt'), `${line}\n`);
    process.stdout.write(`${line}\n`);
  }
};
