/** What is used of it: Node's types lack it, and those of browsers bring everything else. */
declare const WebAssembly: {
  readonly Module: new (code: Uint8Array) => object;
  readonly Instance: new (module: object) => { readonly exports: object };
};

/** A module's memory, grown by its own functions: `buffer` is another one after that. */
export interface WasmMemory {
  readonly buffer: ArrayBuffer;
}

/** A fresh instance of what `npm run wasm` compiled (text in base64), as `Exports` says that it is. */
export function instantiate<Exports>(code: string): Exports {
  return new WebAssembly.Instance(new WebAssembly.Module(Buffer.from(code, 'base64'))).exports as Exports;
}
