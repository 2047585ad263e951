const { AsyncLocalStorage } = require('node:async_hooks');
const { statSync } = require('node:fs');
const { Script, runInContext } = require('node:vm');
const Runtime = require('jest-runtime').default;

/**
 * Jest's runtime, which compiles a module once a worker, not once a test file: a file that loads the gateway loads 1,800 modules, and what V8
 * made of them serves the next file, too. Each file still has its own context, in which each module runs anew.
 */
const known = new Map();

/**
 * What modules find as variables around them, since Node looks into a context's global object slowly: nothing of it is ever replaced, by fake timers
 * neither.
 */
const BUILT_IN = 'Array BigInt Boolean Buffer Error JSON Map Math Number Object Promise Reflect RegExp Set String Symbol TypeError Uint8Array WeakMap'.split(' ');

/** Tells one version of a file from another: a worker may outlive an edit (`jest --watch`). */
function stampOf(filename) {
  const { mtimeMs, size } = statSync(filename);
  return `${mtimeMs} ${size}`;
}

/** Those of the present file. Node visits each one that was ever used whenever anything asynchronous begins, also long after its file is over. */
const storages = new Set();
for (const name of ['run', 'enterWith']) {
  const use = AsyncLocalStorage.prototype[name];
  AsyncLocalStorage.prototype[name] = function (...args) {
    storages.add(this);
    return use.apply(this, args);
  };
}

class SharedScriptsRuntime extends Runtime {
  constructor(...args) {
    super(...args);
    this.shareTransforms();
    this.shareScripts();
  }

  teardown() {
    super.teardown();
    for (const storage of storages) storage.disable();
    storages.clear();
  }

  /** What the transformer made of a file is read once. */
  shareTransforms() {
    const { transformCache } = this;
    const transform = transformCache.transform.bind(transformCache);
    transformCache.transform = (filename, options) => {
      const stamp = stampOf(filename);
      const shared = known.get(filename);
      if (shared?.stamp === stamp) {
        if (shared.sourceMap !== undefined) transformCache.sourceMaps.set(filename, shared.sourceMap);
        return shared.code;
      }
      const code = transform(filename, options);
      known.set(filename, { stamp, code, sourceMap: transformCache.sourceMaps.get(filename) });
      return code;
    };
  }

  shareScripts() {
    const { executor } = this;
    const compile = executor.compile.bind(executor);
    let builtIn;
    executor.compile = (code, filename) => {
      const context = this._environment.getVmContext();
      const shared = known.get(filename);
      if (context === null || shared?.code !== code) return compile(code, filename);
      // What imports dynamically is bound to the runtime that asked for it.
      shared.script ??= /\bimport\s*\(/.test(code) ? 'own' : scriptOf(code, filename, executor.injectedModuleParameters);
      if (shared.script === 'own') return compile(code, filename);
      builtIn ??= runInContext(`[${BUILT_IN.join(', ')}]`, context);
      return shared.script.runInContext(context)(...builtIn);
    };
  }
}

/** A function that makes the module's function, on the line that the code begins on: places in stack traces stay true. */
function scriptOf(code, filename, parameters) {
  const head = `(function (${BUILT_IN.join(', ')}) { return function (${parameters.join(', ')}) {`;
  try {
    return new Script(`${head}${code}\n}})`, { filename, columnOffset: -head.length });
  } catch {
    // Jest says best what is wrong with it.
    return 'own';
  }
}

module.exports = SharedScriptsRuntime;
