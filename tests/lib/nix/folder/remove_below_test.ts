import { assertEquals, assertRejects } from "@std/assert";
import { dirname, join } from "@std/path";
import { type Digest, sha256 } from "../../../../lib/base/digest.ts";
import { digestHex } from "../../../../lib/base/digest_text.ts";
import { VerificationError } from "../../../../lib/base/errors.ts";
import { CarriedImages } from "../../../../lib/nix/folder/carried_images.ts";
import { LoosePaths } from "../../../../lib/nix/folder/loose_paths.ts";
import { NotedPaths } from "../../../../lib/nix/folder/noted_paths.ts";
import { removeTree } from "../../../../lib/nix/folder/remove_tree.ts";
import { StoreStage } from "../../../../lib/nix/folder/store_stage.ts";
import { inNixFolder } from "../../../support/nix_folder.ts";
import { treeOf } from "../../../support/tree.ts";

const digest: Digest = sha256("image");

Deno.test("nothing is removed elsewhere where a link is put in the place of a folder", () =>
  inNixFolder(async (folder, other) => {
    const baseName = `${"1".repeat(32)}-a`;
    const note = `${digestHex(digest)}.json`;
    const files = {
      [note]: "{}",
      "loose.json": JSON.stringify([{ baseName, narSize: 1 }]),
      "orphans.json": JSON.stringify([{ baseName, registeredSeconds: 1 }]),
      "staging/of/somebody": "else",
    };
    for (const [path, text] of Object.entries(files)) {
      await Deno.mkdir(dirname(join(other, path)), { recursive: true });
      await Deno.writeTextFile(join(other, path), text);
    }
    const before = await treeOf(other);
    for (
      const [path, remove] of [
        [join(folder.notes, "images"), () => new CarriedImages(folder).remove(digest)],
        [folder.notes, () => new LoosePaths(folder).settle(() => true)],
        [folder.notes, () => new NotedPaths(folder, "orphans").put([])],
        [folder.notes, () => StoreStage.make(folder, [])],
      ] as const
    ) {
      await removeTree(path);
      await Deno.mkdir(dirname(path), { recursive: true });
      await Deno.symlink(other, path);
      await assertRejects(
        remove,
        VerificationError,
        `Cannot write below "${path}": it is not a folder`,
      );
      assertEquals(await treeOf(other), before);
      await Deno.remove(path);
    }
  }));
