const fs = require('node:fs');
const path = require('node:path');

/**
 * Prints, and keeps in test-results/summary.txt, one plain line that says how many tests passed and failed; before it one that names each test
 * that passed only on its second try (test/setup/second-try.js), if there is one.
 */
module.exports = class SummaryReporter {
  constructor({ rootDir }) {
    this.rootDir = rootDir;
  }

  onRunComplete(_contexts, results) {
    const broken = results.testResults.filter((file) => file.testExecError).length;
    const skipped = results.numPendingTests + results.numTodoTests;
    const counts = `${results.numPassedTests} passed, ${results.numFailedTests + broken} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`;
    const again = results.testResults.flatMap((file) => this.passedAtSecondTry(file));
    const lines = again.length > 0 ? [`passed only on the second try: ${again.join('; ')}`, counts] : [counts];
    const folder = path.join(this.rootDir, 'test-results');
    fs.mkdirSync(folder, { recursive: true });
    fs.writeFileSync(path.join(folder, 'summary.txt'), `${lines.join('\n')}\n`);
    process.stdout.write(`${lines.join('\n')}\n`);
  }

  passedAtSecondTry({ testFilePath, testResults }) {
    const tests = testResults.filter(({ status, invocations }) => status === 'passed' && invocations > 1);
    return tests.map(({ fullName }) => `${path.relative(this.rootDir, testFilePath)}: ${fullName}`);
  }
};
