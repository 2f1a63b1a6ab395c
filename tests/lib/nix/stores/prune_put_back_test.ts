/** What a prune puts back where nobody can say what is live. */
import { assertEquals, assertRejects } from "@std/assert";
import { join } from "@std/path";
import { sha256 } from "../../../../lib/base/digest.ts";
import { formatNarInfo } from "../../../../lib/nix/nar/nar_info.ts";
import { pruneFileCache } from "../../../../lib/nix/stores/prune_file_cache.ts";
import { parseStorePath } from "../../../../lib/nix/store_path.ts";
import { inFolder } from "../../../support/in_folder.ts";
import { namesIn } from "../../../support/published_versions.ts";

Deno.test("pruneFileCache() puts back what has its NAR, and leaves aside what lost it to a killed prune", async () => {
  await inFolder(async (dir) => {
    const aside = join(dir, ".kedge", "pruned");
    await Deno.mkdir(join(dir, "nar"));
    await Deno.mkdir(aside, { recursive: true });
    await Deno.writeTextFile(join(dir, "nar", "1.nar"), "nar");
    const [lost, whole] = ["0", "1"].map((digit) => digit.repeat(32));
    for (const hashPart of [lost, whole]) {
      const info = formatNarInfo({
        storePath: parseStorePath(`/nix/store/${hashPart}-x`),
        narHash: sha256("nar"),
        narSize: 3,
        references: [],
        signatures: [],
        url: `nar/${hashPart![0]}.nar`,
        compression: "none",
        fileSize: 3,
      });
      await Deno.writeTextFile(join(aside, `${hashPart}.narinfo`), info);
    }
    const live = () => Promise.reject(new Error("no catalog"));
    const { signal } = new AbortController();
    await assertRejects(
      () => pruneFileCache(dir, { hashParts: [] }, undefined, live, signal),
      Error,
      "no catalog",
    );
    assertEquals(await namesIn(dir, ".narinfo"), [`${whole}.narinfo`]);
    assertEquals(await namesIn(aside, ""), [`${lost}.narinfo`]);
  });
});
