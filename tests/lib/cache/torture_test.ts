import { assertEquals } from "@std/assert";
import { join } from "@std/path";
import { mountSmallDisk } from "../../support/small_disk.ts";
import { torture } from "../../support/torture.ts";
import { realTest } from "../../support/real.ts";

for (const [what, lying] of [["honest", false], ["lying", true]] as const) {
  Deno.test(`a cache survives processes that are killed at random instants, with ${what} locks`, async () => {
    const folder = await Deno.makeTempDir({ prefix: "kedge-torture-" });
    const wrong = await torture({
      dir: join(folder, "cache"),
      rounds: 4,
      processes: 3,
      roundMs: 500,
      seed: 7,
      lying,
    });
    assertEquals(wrong, []);
    await Deno.remove(folder, { recursive: true });
  });
}

realTest("a cache survives the same on a full disk", [
  "root",
], async () => {
  const folder = await Deno.makeTempDir({ prefix: "kedge-torture-" });
  {
    await using disk = await mountSmallDisk(folder, 8 * 2 ** 20);
    const wrong = await torture({
      dir: join(disk.dir, "cache"),
      rounds: 4,
      processes: 3,
      roundMs: 500,
      seed: 7,
      lying: false,
      fullDisk: true,
    });
    assertEquals(wrong, []);
  }
  await Deno.remove(folder, { recursive: true });
});
