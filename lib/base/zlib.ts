import type * as Zlib from "node:zlib";

interface Builtins {
  process: { getBuiltinModule(name: "node:zlib"): typeof Zlib };
}

/** `node:zlib`, loaded at the first call: an `import defer` of it is evaluated at once, and costs as much as all else at the start. */
export function zlib(): typeof Zlib {
  return (globalThis as unknown as Builtins).process.getBuiltinModule("node:zlib");
}
