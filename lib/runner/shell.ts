import defer * as dax from "@david/dax";
import type { $Type } from "@david/dax";
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
export function makeShell(options: ShellOptions): $Type {
  let shell: $Type | undefined;
  const load = (): $Type =>
    shell ??= dax.build$({
      commandBuilder: (builder) => builder.signal(options.signal),
    }) as unknown as $Type;
  return new Proxy(function () {} as unknown as $Type, {
    apply: (_target, _this, args) => Reflect.apply(load(), undefined, args),
    get: (_target, key) => Reflect.get(load(), key),
  });
}
