/**
 * Loading the shell is what costs most of a start, so it is done when it is needed, and only then.
 *
 * @module
 */
import { KedgeError } from "../base/errors.ts";

type ShellModule = typeof import("./shell.ts");

let loaded: ShellModule | undefined;

/**
 * Loads the shell. The runner does so before a task that may use `$`; who uses the `$` of a task function's context outside of a
 * task file calls it once before. `@kedge/kedge/context` gives such a context.
 */
export async function loadShell(): Promise<void> {
  loaded ??= await import("./shell.ts");
}

/**
 * The shell's module.
 *
 * @throws {KedgeError} if it was not loaded
 */
export function shellModule(): ShellModule {
  if (loaded === undefined) {
    throw new KedgeError("Cannot use `$`: the shell is not loaded", {
      hint:
        "take `$` from the parameter of a task's run function, or call `await loadShell()` before",
    });
  }
  return loaded;
}
