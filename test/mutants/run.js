/**
 * npm run test:mutants [-- word…]: breaks the product on purpose, one listed way at a time, in copies of the tree, and succeeds only if
 * each break turns its named test red (and the same test is green without it). A word is the name of a row, or of a file of `list/`.
 */
require('../setup/swc-register.js');
const { execFileSync, spawn } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const startDatabase = require('../setup/global-setup');
const stopDatabase = require('../setup/global-teardown');
/** Rows: { name, promise, file, find, replace, test, only }: which words of which file to change, and which test must turn red. */
const mutants = fs
  .readdirSync(path.join(__dirname, 'list'))
  .sort()
  .flatMap((file) => require(path.join(__dirname, 'list', file)).map((row) => ({ ...row, topic: path.basename(file, '.js') })));

const root = path.join(__dirname, '../..');
const copied = ['src', 'assembly', 'migrations', 'test', 'demo', 'bench', 'package.json', 'nest-cli.json', '.dependency-cruiser.js', 'README.md', 'tsconfig.json', 'jest.config.js', 'docs', 'config', 'monitoring'];
/** Trees broken side by side. */
const TREES = 2;
/** A test that has not ended by then was not turned red by its assertion. A whole file that is to be green has longer. */
const TIMEOUT_MILLIS = 300_000;
const BASELINE_MILLIS = 1_800_000;
/** What is broken on purpose often makes a test wait for what never happens. */
const IMPATIENCE = { TEST_PATIENCE_MILLIS: '40000' };
const IMPATIENT = ['--testTimeout', '60000'];

/** A copy without node_modules, which is linked: the tree itself is never touched. */
function copyTree() {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'magnetodb-mutants-'));
  for (const name of copied) {
    if (fs.existsSync(path.join(root, name))) fs.cpSync(path.join(root, name), path.join(folder, name), { recursive: true });
  }
  fs.symlinkSync(path.join(root, 'node_modules'), path.join(folder, 'node_modules'));
  return folder;
}

/** Runs the tests of one file whose names match the pattern; resolves with `{ passed, failed }`: their names. */
function runTests(folder, test, pattern, broken) {
  const results = path.join(folder, 'mutant-results.json');
  fs.rmSync(results, { force: true });
  const args = [path.join(root, 'node_modules/jest/bin/jest.js'), '--runInBand', '--runTestsByPath', test, '--json', '--outputFile', results, ...(broken ? IMPATIENT : [])];
  const child = spawn(process.execPath, [...args, '-t', pattern], {
    cwd: folder,
    stdio: 'ignore',
    timeout: broken ? TIMEOUT_MILLIS : BASELINE_MILLIS,
    killSignal: 'SIGKILL',
    env: { ...process.env, CI: 'true', TEST_RETRIES: '0', ...(broken ? IMPATIENCE : {}) },
  });
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', () => {
      const names = (status) => read(results).filter((one) => one.status === status).map((one) => one.fullName);
      resolve({ passed: names('passed'), failed: names('failed') });
    });
  });
}

function read(results) {
  if (!fs.existsSync(results)) return [];
  return JSON.parse(fs.readFileSync(results, 'utf8')).testResults.flatMap((file) => file.assertionResults);
}

/** Replaces exactly one place; a mutant whose place is gone is an error: the list must follow the code. */
function apply(folder, mutant) {
  const file = path.join(folder, mutant.file);
  const before = fs.readFileSync(file, 'utf8');
  const places = before.split(mutant.find).length - 1;
  if (places !== 1) throw new Error(`FOUND ${places} TIMES in ${mutant.file}`);
  const write = (text) => {
    fs.writeFileSync(file, text);
    // What runs is its compiled form.
    if (mutant.file.startsWith('assembly/')) execFileSync(process.execPath, ['assembly/build.js'], { cwd: folder, stdio: 'ignore' });
  };
  write(before.replace(mutant.find, () => mutant.replace));
  return () => write(before);
}

async function judge(folder, mutant, baseline) {
  const pattern = new RegExp(mutant.only ?? '', 'i');
  const green = baseline.passed.filter((name) => pattern.test(name));
  if (green.length === 0 || baseline.failed.some((name) => pattern.test(name))) return 'NO GREEN BASELINE';
  try {
    const undo = apply(folder, mutant);
    try {
      const broken = await runTests(folder, mutant.test, mutant.only ?? '', true);
      if (broken.failed.length > 0) return 'killed';
      return broken.passed.length > 0 ? 'SURVIVED' : 'DID NOT RUN';
    } finally {
      undo();
    }
  } catch (error) {
    return error.message;
  }
}

/** Takes one test file after another: once as it is, then broken in each listed way. */
async function work(files, tell) {
  const folder = copyTree();
  try {
    for (let file = files.shift(); file !== undefined; file = files.shift()) {
      const [test, rows] = file;
      const baseline = await runTests(folder, test, rows.map((row) => row.only ?? '').join('|'), false);
      for (const mutant of rows) tell(mutant, await judge(folder, mutant, baseline));
    }
  } finally {
    fs.rmSync(folder, { recursive: true, force: true });
  }
}

/** Rows by test file, the fullest first, so that no tree waits long for another at the end. */
function byTestFile(chosen) {
  const files = new Map();
  for (const mutant of chosen) files.set(mutant.test, [...(files.get(mutant.test) ?? []), mutant]);
  return [...files].sort(([, rows], [, others]) => others.length - rows.length);
}

/** Two rows of one name could not be told apart in what is printed. */
function checkNames() {
  const names = mutants.map((mutant) => mutant.name);
  const twice = names.find((name, index) => names.indexOf(name) < index);
  if (twice !== undefined) throw new Error(`two rows are named ${twice}`);
}

async function main() {
  checkNames();
  const wanted = process.argv.slice(2);
  const chosen = mutants.filter(({ name, topic }) => wanted.length === 0 || wanted.includes(name) || wanted.includes(topic));
  let killed = 0;
  await startDatabase();
  try {
    const files = byTestFile(chosen);
    const tell = (mutant, verdict) => {
      if (verdict === 'killed') killed += 1;
      process.stdout.write(`${verdict === 'killed' ? 'ok  ' : 'FAIL'} ${mutant.name}: ${mutant.promise}: ${verdict}\n`);
    };
    await Promise.all(Array.from({ length: TREES }, () => work(files, tell)));
  } finally {
    await stopDatabase();
  }
  process.stdout.write(`\n${killed} passed, ${chosen.length - killed} failed\n`);
  process.exitCode = chosen.length > 0 && killed === chosen.length ? 0 : 1;
}

void main();
