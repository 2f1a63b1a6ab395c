import type { Shell } from "./shell_type.ts";

/** A shell that is made when it is first used. */
export function lazyShell(make: () => Shell): Shell {
  let shell: Shell | undefined;
  const load = (): Shell => shell ??= make();
  return new Proxy(function () {} as unknown as Shell, {
    apply: (_target, _this, args) => Reflect.apply(load(), undefined, args),
    get: (_target, key) => Reflect.get(load(), key),
    set: (_target, key, value) => Reflect.set(load(), key, value),
  });
}
