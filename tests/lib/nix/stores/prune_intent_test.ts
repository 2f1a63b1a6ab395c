/** Which notes of prunes go, and which stay for the next prune. */
import { assertEquals } from "@std/assert";
import { join } from "@std/path";
import {
  idleIntentBytes,
  intentFolder,
  readIntents,
  removeIntents,
  writeIntent,
} from "../../../../lib/nix/stores/prune_intent.ts";
import { inFolder } from "../../../support/in_folder.ts";

const [mine, beside] = ["0", "1"].map((digit) => digit.repeat(32));
const none: ReadonlySet<string> = new Set();

Deno.test("removeIntents() keeps the note of a prune beside it, which has moved aside what is in it and may yet put it back", async () => {
  await inFolder(async (dir) => {
    const aside = join(dir, ".kedge", "pruned");
    for (const each of [aside, join(dir, intentFolder)]) {
      await Deno.mkdir(each, { recursive: true });
    }
    await Deno.writeTextFile(join(aside, `${beside}.narinfo`), "");
    const own = await writeIntent(dir, [mine!]);
    await writeIntent(dir, [beside!]);
    assertEquals(await idleIntentBytes(dir, own), 0);
    await removeIntents(dir, own, none);
    assertEquals(await readIntents(dir), new Set([beside!]));
    await Deno.remove(join(aside, `${beside}.narinfo`));
    assertEquals(await idleIntentBytes(dir), JSON.stringify([beside]).length);
    await removeIntents(dir, undefined, none);
    assertEquals(await readIntents(dir), none);
  });
});
