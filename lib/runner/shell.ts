import defer * as dax from "@david/dax";
import type { Shell } from "./shell_type.ts";
import type { Redactor } from "../base/redactor.ts";

/** What a shell is bound to. */
export interface ShellOptions {
  /** Ends every command. */
  signal: AbortSignal;
  /** Takes secrets out of what is echoed. */
  redactor: Redactor;
  /** Whether commands are printed instead of run. */
  dryRun: boolean;
}

/** The shell of dax, bound to a context; dax itself is loaded when the shell is first used. */
export function makeShell(options: ShellOptions): Shell {
  let shell: Shell | undefined;
  const load = (): Shell =>
    shell ??= dax.build$({
      commandBuilder: (builder) => builder.signal(options.signal),
    }) as unknown as Shell;
  return new Proxy(function () {} as unknown as Shell, {
    apply: (_target, _this, args) => Reflect.apply(load(), undefined, args),
    get: (_target, key) => Reflect.get(load(), key),
  });
}
