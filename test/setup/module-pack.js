/**
 * All modules of a program in one file, with V8's code of them, so that the next process of the same program loads in a quarter of the time:
 * tests that kill hundreds of processes mostly wait for the next one. What is loaded, and in which order, stays the same.
 * MODULE_PACK_OUT=file: the process writes the pack as it exits. MODULE_PACK=file: the process loads from it, and from disk what is not in it.
 * A pack is good for as long as no file of it changes.
 */
const { Buffer } = require('node:buffer');
const { readFileSync, writeFileSync } = require('node:fs');
const Module = require('node:module');
const { dirname } = require('node:path');
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
    return [filename, encoding, add(Buffer.from(source, encoding)), add(script.createCachedData())];
  });
  const head = Buffer.from(JSON.stringify({ files, resolved }));
  const length = Buffer.alloc(4);
  length.writeUInt32LE(head.length);
  writeFileSync(file, Buffer.concat([length, head, ...blobs]));
}

/** Loads from the pack what is in it. */
function usePack(file) {
  const pack = readFileSync(file);
  const start = 4 + pack.readUInt32LE(0);
  const { files, resolved } = JSON.parse(pack.toString('utf8', 4, start));
  const blobs = pack.subarray(start);
  const known = new Map(files.map(([filename, encoding, source, code]) => [filename, { encoding, source, code }]));
  Module._resolveFilename = (request, parent, isMain, options) =>
    (options === undefined && parent?.filename ? resolved[dirname(parent.filename)]?.[request] : undefined) ??
    resolveFilename(request, parent, isMain, options);
  for (const extension of ['.js', '.ts']) {
    const fromDisk = Module._extensions[extension];
    Module._extensions[extension] = (module, filename) => {
      const packed = known.get(filename);
      if (packed === undefined) return fromDisk(module, filename);
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

module.exports = { usePack, writePackAtExit };
