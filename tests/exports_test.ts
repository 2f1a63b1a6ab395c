/** What every function that the module exports makes of arguments that are missing, or of the wrong kind. */
import { assertEquals } from "@std/assert";
import { join } from "@std/path";
import * as kedge from "../mod.ts";
import { Cache } from "../lib/cache/cache.ts";
import { inFolder } from "./support/in_folder.ts";

const noObjects: readonly unknown[] = [null, 5, "\0", true, () => {}];
const wrong: readonly unknown[] = [undefined, ...noObjects, [], {}, { toString: null }];

/** All of them but `main`, which ends the process, by their names; those of `arg` and `secret` too. */
function exported(): Map<string, (...given: unknown[]) => unknown> {
  const found = new Map<string, (...given: unknown[]) => unknown>();
  const { main: _main, arg, secret, ...others } = kedge;
  const isClass = (value: unknown) => /^class\b/.test(String(value));
  for (const [prefix, all] of Object.entries({ "": others, "arg.": arg, "secret.": secret })) {
    for (const [name, value] of Object.entries(all)) {
      if (typeof value !== "function" || isClass(value)) continue;
      found.set(prefix + name, value as (...given: unknown[]) => unknown);
    }
  }
  return found;
}

for (const [name, call] of exported()) {
  Deno.test(`${name}() refuses what it cannot use in its own words`, () =>
    inFolder(async (folder) => {
      const context = { cache: new Cache(join(folder, "cache")), offline: true, dryRun: true };
      const calls = [
        ...wrong.map((each) => [each, context]),
        // Never without a context: the defaults are the user's own cache, and a network.
        ...noObjects.flatMap((each) => [[each, each], [{}, each]]),
      ];
      for (const given of calls) {
        try {
          await call(...given);
        } catch (error) {
          const told = Deno.inspect(given.map((each) => each === context ? "the context" : each));
          assertEquals(error instanceof kedge.KedgeError, true, `${told}: ${error}`);
        }
      }
    }));
}
