/** Which links of profiles and roots carryStore() takes, where several layers have something in the same place. */
import { assertEquals } from "@std/assert";
import { dirname, join } from "@std/path";
import { readLinks } from "../../../lib/nix/folder/nix_links.ts";
import { carryPrograms, CarryRoom } from "../../support/carry_room.ts";
import { layersOf, tarOf } from "../../support/nix_store_image.ts";
import { realTest } from "../../support/real.ts";

const profiles = "nix/var/nix/profiles";

/** A layer with texts and links, by their paths below the profiles; a link has `-> ` before where it leads. */
async function layerOf(root: string, files: Record<string, string>): Promise<Uint8Array> {
  for (const [path, content] of Object.entries(files)) {
    const at = join(root, profiles, path);
    await Deno.mkdir(dirname(at), { recursive: true });
    if (content.startsWith("-> ")) await Deno.symlink(content.slice(3), at);
    else await Deno.writeTextFile(at, content);
  }
  return await tarOf(root, ["nix"]);
}

realTest(
  "carryStore() takes no link in the place of which a layer above has something else",
  carryPrograms,
  async () => {
    await using room = await CarryRoom.make();
    const below = {
      "folder/deep/link": "-> /below",
      "folder/other": "-> /below",
      "link": "-> /below",
      "both/below": "-> /below",
      "kept": "-> /below",
      "text": "below",
    };
    const above = {
      "folder": "-> /above",
      "link": "no link",
      "both/above": "-> /above",
      "text": "-> /above",
    };
    const base = await room.image("2.8.0", [
      await layerOf(join(room.folder, "below"), below),
      ...await layersOf(await room.store("2.8.0")),
      await layerOf(join(room.folder, "above"), above),
    ]);
    const expected = [
      "both/above -> /above",
      "both/below -> /below",
      "folder -> /above",
      "kept -> /below",
      "text -> /above",
    ];
    // The second one knows the layers already.
    for (const folder of ["first", "second"]) {
      await room.carry(base, { to: { folder: join(room.folder, folder) } });
      const links = await readLinks(join(room.folder, folder, "var/nix/profiles"));
      const shown = links.map(({ path, target }) => `${path} -> ${target}`);
      assertEquals(shown.filter((link) => !link.startsWith("default")), expected);
    }
  },
);
