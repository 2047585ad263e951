'use strict';
/**
 * `npm run wasm` compiles what is written in AssemblyScript into WebAssembly, kept as text in a module of `src/`, so that nobody who builds or embeds the product
 * needs the compiler. `--check` (part of `npm run lint`) compiles and compares instead.
 */
const { spawnSync } = require('node:child_process');
const { mkdtempSync, readFileSync, rmSync, writeFileSync } = require('node:fs');
const { tmpdir } = require('node:os');
const { join } = require('node:path');

const ROOT = join(__dirname, '..');
/** Entry → where its code is kept, and where its data begin: what lies before is for parameters and results. */
const MODULES = [
  { entry: 'digests', target: 'src/kernel/digests.wasm.ts', memoryBase: 64 },
  { entry: 'rows', target: 'src/tables/cassandra/frames/rows.wasm.ts', memoryBase: 64 },
];
const FLAGS = ['-O3', '--runtime', 'stub', '--enable', 'simd', '--noAssert'];

function compiled({ entry, memoryBase }, folder) {
  const file = join(folder, `${entry}.wasm`);
  const compiler = join(ROOT, 'node_modules/assemblyscript/bin/asc.js');
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [compiler, `assembly/${entry}.ts`, ...FLAGS, '--memoryBase', String(memoryBase), '-o', file],
    { cwd: ROOT, encoding: 'utf8' },
  );
  if (status !== 0) throw new Error(`assembly/${entry}.ts: ${stdout}${stderr}`);
  const lines = readFileSync(file).toString('base64').match(/.{1,152}/g) ?? [];
  const text = lines.map((line) => `  '${line}'`).join(' +\n');
  return `/** Made of assembly/${entry}.ts by \`npm run wasm\`. */\nexport const CODE =\n${text};\n`;
}

function main() {
  const folder = mkdtempSync(join(tmpdir(), 'wasm-'));
  try {
    for (const module of MODULES) {
      const file = join(ROOT, module.target);
      const text = compiled(module, folder);
      if (!process.argv.includes('--check')) {
        writeFileSync(file, text);
      } else if (readFileSync(file, 'utf8') !== text) {
        throw new Error(`${module.target} is not what assembly/${module.entry}.ts compiles to: npm run wasm`);
      }
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

try {
  main();
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
