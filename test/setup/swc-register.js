/**
 * `node -r ./test/setup/swc-register.js script.ts`: runs TypeScript in child processes of tests, as jest's transform does.
 * Compiled files are kept in a folder for temporary files, named by the digest of their source.
 */
const { createHash } = require('node:crypto');
const { mkdirSync, readFileSync, renameSync, writeFileSync } = require('node:fs');
const Module = require('node:module');
const { tmpdir } = require('node:os');
const { join } = require('node:path');
const { usePack, usePackOfRun, writePackAtExit } = require('./module-pack.js');

const options = {
  jsc: {
    target: 'es2022',
    parser: { syntax: 'typescript', decorators: true },
    transform: { legacyDecorator: true, decoratorMetadata: true },
    keepClassNames: true,
  },
  module: { type: 'commonjs' },
  sourceMaps: 'inline',
};

const salt = JSON.stringify([require('@swc/core/package.json').version, options]);
const folder = join(tmpdir(), `magnetodb-swc-${process.getuid?.() ?? 0}`);
mkdirSync(folder, { recursive: true, mode: 0o700 });
process.setSourceMapsEnabled(true);

function compile(source, filename) {
  const file = join(folder, `${createHash('sha256').update(salt).update(filename).update(source).digest('hex')}.js`);
  try {
    return readFileSync(file, 'utf8');
  } catch {
    const { code } = require('@swc/core').transformSync(source, { ...options, filename, swcrc: false });
    // Aside and renamed: other children may read it at this moment.
    const partial = `${file}.${process.pid}`;
    writeFileSync(partial, code);
    renameSync(partial, file);
    return code;
  }
}

Module._extensions['.ts'] = (module, filename) => module._compile(compile(readFileSync(filename, 'utf8'), filename), filename);

const { MODULE_PACK, MODULE_PACK_OUT } = process.env;
if (MODULE_PACK_OUT) writePackAtExit(MODULE_PACK_OUT);
else if (MODULE_PACK) usePack(MODULE_PACK);
else if (process.env.TEST_RUN_DIR) usePackOfRun(process.env.TEST_RUN_DIR);
