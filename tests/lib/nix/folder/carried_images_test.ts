/** Notes of images that say nothing, and why. */
import { assertEquals } from "@std/assert";
import { dirname, join } from "@std/path";
import { digestHex } from "../../../../lib/base/digest_text.ts";
import { sha256 } from "../../../../lib/base/digest.ts";
import { CarriedImages } from "../../../../lib/nix/folder/carried_images.ts";
import { inNixFolder } from "../../../support/nix_folder.ts";

Deno.test("CarriedImages tells a note whose digest is none from one that speaks of another image", () =>
  inNixFolder(async (folder) => {
    const digest = sha256("image");
    const path = join(folder.notes, "images", `${digestHex(digest)}.json`);
    await Deno.mkdir(dirname(path), { recursive: true });
    const note = { digest, nixVersion: "2", platform: "x", paths: [], links: [], usedMs: 1 };
    const images = new CarriedImages(folder);
    const stateOf = async (digest: unknown) => {
      await Deno.writeTextFile(path, JSON.stringify({ ...note, digest }));
      const { images: found, unreadable } = await images.all();
      return [found.length, ...unreadable.map(({ state }) => state)];
    };
    assertEquals(await stateOf(digest), [1]);
    assertEquals(await stateOf(sha256("other")), [0, "it speaks of another image"]);
    for (const malformed of ["sha256:1", digest.toUpperCase(), digestHex(digest), "../x", 7]) {
      assertEquals(await stateOf(malformed), [0, "its digest is none"], String(malformed));
    }
  }));
