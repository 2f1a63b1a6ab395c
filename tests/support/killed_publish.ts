/**
 * Publishes, and kills itself with SIGKILL right before or after the journal's line of a number; prints the states of all lines if it comes to
 * its end.
 *
 * Arguments: the options as JSON, the cache folder, `before` or `after`, the number.
 *
 * @module
 */
import { join } from "@std/path";
import { Cache } from "../../lib/cache/cache.ts";
import { publish } from "../../tasks/publish/publish.ts";
import { CountingJournal } from "./counting_journal.ts";

const [options = "{}", dir = "", when, number] = Deno.args;
const journal = new CountingJournal(join(dir, "journal-v1.db"), (line, side) => {
  if (side === when && line === Number(number)) Deno.kill(Deno.pid, "SIGKILL");
});
await publish(JSON.parse(options), { cache: new Cache(dir), journal });
Deno.stdout.writeSync(
  new TextEncoder().encode(JSON.stringify(journal.lines.map(({ state }) => state))),
);
