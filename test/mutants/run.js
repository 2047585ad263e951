/**
 * npm run test:mutants [-- name…]: breaks the product on purpose, one listed way at a time, in a copy of the tree, and succeeds only if
 * each break turns its named test red (and the same test is green without it).
 */
const { spawnSync } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
/** Rows: { name, promise, file, find, replace, test, only }: which words of which file to change, and which test must turn red. */
const mutants = fs.readdirSync(path.join(__dirname, 'list')).sort().flatMap((file) => require(path.join(__dirname, 'list', file)));

const root = path.join(__dirname, '../..');
const copied = ['src', 'migrations', 'test', 'demo', 'package.json', '.dependency-cruiser.js', 'README.md', 'tsconfig.json', 'jest.config.js', 'docs', 'config'];

/** A copy without node_modules, which is linked: the tree itself is never touched. */
function copyTree() {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'magnetodb-mutants-'));
  for (const name of copied) {
    if (fs.existsSync(path.join(root, name))) fs.cpSync(path.join(root, name), path.join(folder, name), { recursive: true });
  }
  fs.symlinkSync(path.join(root, 'node_modules'), path.join(folder, 'node_modules'));
  return folder;
}

/** Runs one test file (only the named tests in it). */
function runTest(folder, mutant) {
  const args = [path.join(root, 'node_modules/jest/bin/jest.js'), '--runInBand', '--runTestsByPath', mutant.test, '--reporters', 'default'];
  if (mutant.only) args.push('-t', mutant.only);
  const result = spawnSync(process.execPath, args, { cwd: folder, encoding: 'utf8', timeout: 300_000, env: { ...process.env, CI: 'true' } });
  const output = `${result.stdout}${result.stderr}`;
  const ran = /Tests:\s+(.*)/.exec(output)?.[1] ?? '';
  return { green: result.status === 0 && /\d+ passed/.test(ran), red: result.status !== 0 && /\d+ failed/.test(ran), ran, output };
}

/** Replaces exactly one place; a mutant whose place is gone is an error: the list must follow the code. */
function apply(folder, mutant) {
  const file = path.join(folder, mutant.file);
  const before = fs.readFileSync(file, 'utf8');
  const places = before.split(mutant.find).length - 1;
  if (places !== 1) throw new Error(`${mutant.name}: found ${places} times in ${mutant.file}`);
  fs.writeFileSync(file, before.replace(mutant.find, () => mutant.replace));
  return () => fs.writeFileSync(file, before);
}

function main() {
  const wanted = process.argv.slice(2);
  const chosen = mutants.filter((mutant) => wanted.length === 0 || wanted.includes(mutant.name));
  const folder = copyTree();
  const baselines = new Map();
  let survived = 0;
  try {
    for (const mutant of chosen) {
      const key = `${mutant.test}\n${mutant.only ?? ''}`;
      if (!baselines.has(key)) baselines.set(key, runTest(folder, mutant));
      const baseline = baselines.get(key);
      let verdict;
      if (!baseline.green) verdict = `NO BASELINE (${baseline.ran || 'did not run'})`;
      else {
        const undo = apply(folder, mutant);
        const outcome = runTest(folder, mutant);
        undo();
        verdict = outcome.red ? 'killed' : `SURVIVED (${outcome.ran || 'did not run'})`;
      }
      if (verdict !== 'killed') survived += 1;
      process.stdout.write(`${verdict === 'killed' ? 'ok  ' : 'FAIL'} ${mutant.name}: ${mutant.promise}: ${verdict}\n`);
    }
  } finally {
    fs.rmSync(folder, { recursive: true, force: true });
  }
  process.stdout.write(`\n${chosen.length - survived} passed, ${survived} failed\n`);
  process.exitCode = survived === 0 ? 0 : 1;
}

main();
