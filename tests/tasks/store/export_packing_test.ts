/** How an export packs what it writes to a binary cache. */
import { assertEquals, assertRejects } from "@std/assert";
import { join } from "@std/path";
import { UsageError } from "../../../lib/base/errors.ts";
import { exportStore, type ExportStoreOptions } from "../../../tasks/store/copy_store.ts";
import { carryPrograms, CarryRoom } from "../../support/carry_room.ts";
import { namesIn } from "../../support/published_versions.ts";
import { layersOf } from "../../support/nix_store_image.ts";
import { realTest } from "../../support/real.ts";

realTest("exportStore() packs as the URI of the binary cache says", carryPrograms, async () => {
  await using room = await CarryRoom.make();
  const files = { text: Array.from({ length: 20_000 }, (_, line) => `${line * 7919}`).join("\n") };
  const store = await room.store("2.8.0", [{ name: "text", files }]);
  await room.carry(await room.image("2.8.0", await layersOf(store)));
  const packed = async (query: string, options: Partial<ExportStoreOptions> = {}) => {
    const to = join(room.folder, crypto.randomUUID());
    const from = { folder: room.nix.path };
    await exportStore({ from, to: `file://${to}${query}`, ...options }, room.context);
    const [nar = ""] = await namesIn(join(to, "nar"), "");
    const { size } = await Deno.stat(join(to, "nar", nar));
    return { kind: nar.replace(/^[^.]*/, ""), size };
  };
  const zstd = await packed("");
  assertEquals(zstd.kind, ".nar.zst");
  const best = await packed("?compression-level=19");
  assertEquals([best.kind, best.size < zstd.size], [".nar.zst", true]);
  assertEquals(await packed("", { level: 19 }), best);
  const least = await packed("?compression-level=-50");
  assertEquals([least.kind, least.size > zstd.size], [".nar.zst", true]);
  const fast = await packed("?compression=xz&compression-level=0");
  assertEquals(fast.kind, ".nar.xz");
  assertEquals((await packed("?compression=xz")).size < fast.size, true);
  assertEquals((await packed("?compression=none&compression-level=9")).kind, ".nar");
  const refused: [string, Partial<ExportStoreOptions>, string][] = [
    ["?compression=lzma", {}, 'Cannot compress with "lzma": it is not known'],
    ["?compression-level=best", {}, "Cannot compress with zstd at the level best: it has none"],
    ["?compression-level=20", {}, "Cannot compress with zstd at the level 20: it has none such"],
    ["?compression=xz", { compression: "zstd" }, 'with the compression "xz": NARs are packed once'],
    ["?compression-level=9", { level: 3 }, 'with the compression-level "9": NARs are packed once'],
  ];
  for (const [query, options, message] of refused) {
    await assertRejects(() => packed(query, options), UsageError, message);
  }
});
