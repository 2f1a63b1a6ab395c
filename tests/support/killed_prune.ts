/**
 * Prunes what was published, and kills itself with SIGKILL right before the change of a number to the file system; prints how many there are if
 * it comes to its end.
 *
 * Arguments: the options as JSON, the cache folder, the number.
 *
 * @module
 */
import { Cache } from "../../lib/cache/cache.ts";
import { publishPrune } from "../../tasks/publish/after.ts";

const [options = "{}", dir = "", number] = Deno.args;
let changes = 0;
for (const name of ["rename", "remove", "link", "mkdir", "renameSync", "removeSync"] as const) {
  const change = Deno[name] as (...args: unknown[]) => unknown;
  Object.assign(Deno, {
    [name]: (...args: unknown[]) => {
      if (++changes === Number(number)) Deno.kill(Deno.pid, "SIGKILL");
      return change(...args);
    },
  });
}
await publishPrune(JSON.parse(options), { cache: new Cache(dir) });
Deno.stdout.writeSync(new TextEncoder().encode(String(changes)));
