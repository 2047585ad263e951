/**
 * All modules of a program in one file, with V8's code of them, so that the next process of the same program loads in a quarter of the time:
 * tests that start hundreds of processes mostly wait for the next one. What is loaded, and in which order, stays the same.
 * MODULE_PACK_OUT=file: the process writes the pack as it exits. MODULE_PACK=file: the process loads from it, and from disk what is not in it
 * or was changed since. Without either, a run of tests (TEST_RUN_DIR) has one for all its processes: the first of them has it made.
 */
const { Buffer } = require('node:buffer');
const { spawn } = require('node:child_process');
const { createHash } = require('node:crypto');
const { existsSync, openSync, readFileSync, renameSync, statSync, writeFileSync } = require('node:fs');
const Module = require('node:module');
const { dirname, join } = require('node:path');
const { constants, Script } = require('node:vm');

const resolveFilename = Module._resolveFilename;
const compile = Module.prototype._compile;

/** Notes everything that is loaded from now on. */
function writePackAtExit(file) {
  const scripts = [];
  const resolved = {};
  Module._resolveFilename = (request, parent, isMain, options) => {
    const found = resolveFilename(request, parent, isMain, options);
    if (parent?.filename && options === undefined) (resolved[dirname(parent.filename)] ??= {})[request] = found;
    return found;
  };
  Module.prototype._compile = function (content, filename, format) {
    // Nothing to wrap, and few.
    if (format === 'module') return compile.call(this, content, filename, format);
    const source = Module.wrap(content.replace(/^#!.*/, '').replace(/\n\/\/# sourceMappingURL=data:.*\s*$/, '\n'));
    const script = scriptOf(source, filename);
    scripts.push({ filename, source, script });
    return run(script, this, filename);
  };
  process.on('exit', () => write(file, scripts, resolved));
}

function write(file, scripts, resolved) {
  const blobs = [];
  let size = 0;
  const add = (blob) => {
    blobs.push(blob);
    return [size, (size += blob.length)];
  };
  const files = scripts.map(({ filename, source, script }) => {
    // eslint-disable-next-line no-control-regex
    const encoding = /^[\x00-\xff]*$/.test(source) ? 'latin1' : 'utf16le';
    return [filename, stampOf(filename), encoding, add(Buffer.from(source, encoding)), add(script.createCachedData())];
  });
  const head = Buffer.from(JSON.stringify({ files, resolved }));
  const length = Buffer.alloc(4);
  length.writeUInt32LE(head.length);
  // Aside and renamed: other processes may look for it at this moment.
  writeFileSync(`${file}.part`, Buffer.concat([length, head, ...blobs]));
  renameSync(`${file}.part`, file);
}

/** Tells one version of a file of the project from another; packages do not change. */
function stampOf(filename) {
  if (filename.includes('/node_modules/')) return undefined;
  const { mtimeMs, size } = statSync(filename);
  return `${mtimeMs} ${size}`;
}

/** The one pack of this tree in a run of tests: used once it is there, and made by another process if nobody has begun to. */
function usePackOfRun(folder) {
  const root = join(__dirname, '../..');
  const file = join(folder, `modules-${createHash('sha256').update(root).digest('hex').slice(0, 16)}`);
  if (existsSync(file)) return usePack(file);
  try {
    openSync(`${file}.begun`, 'wx');
  } catch {
    return undefined;
  }
  const maker = [join(__dirname, 'swc-register.js'), join(__dirname, 'packed-modules.ts')];
  spawn(process.execPath, ['-r', ...maker], { cwd: root, detached: true, stdio: 'ignore', env: { ...process.env, MODULE_PACK_OUT: file } }).unref();
  return undefined;
}

/** Loads from the pack what is in it. */
function usePack(file) {
  const pack = readFileSync(file);
  const start = 4 + pack.readUInt32LE(0);
  const { files, resolved } = JSON.parse(pack.toString('utf8', 4, start));
  const blobs = pack.subarray(start);
  const known = new Map(files.map(([filename, stamp, encoding, source, code]) => [filename, { stamp, encoding, source, code }]));
  Module._resolveFilename = (request, parent, isMain, options) =>
    (options === undefined && parent?.filename ? resolved[dirname(parent.filename)]?.[request] : undefined) ??
    resolveFilename(request, parent, isMain, options);
  for (const extension of ['.js', '.ts']) {
    const fromDisk = Module._extensions[extension];
    Module._extensions[extension] = (module, filename) => {
      const packed = known.get(filename);
      if (packed === undefined || packed.stamp !== (packed.stamp && stampOf(filename))) return fromDisk(module, filename);
      const source = blobs.toString(packed.encoding, ...packed.source);
      return run(scriptOf(source, filename, blobs.subarray(...packed.code)), module, filename);
    };
  }
}

function scriptOf(source, filename, cachedData) {
  return new Script(source, { filename, cachedData, importModuleDynamically: constants?.USE_MAIN_CONTEXT_DEFAULT_LOADER });
}

function run(script, module, filename) {
  const require = (id) => module.require(id);
  require.resolve = (request, options) => Module._resolveFilename(request, module, false, options);
  Object.assign(require, { main: process.mainModule, extensions: Module._extensions, cache: Module._cache });
  return script.runInThisContext().call(module.exports, module.exports, require, module, filename, dirname(filename));
}

module.exports = { usePack, usePackOfRun, writePackAtExit };
