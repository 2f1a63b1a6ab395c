/** How a version is named that has no image, where its vendor counts by versions of its own. */
import { assertEquals, assertRejects } from "@std/assert";
import { join } from "@std/path";
import { KedgeError } from "../../../lib/base/errors.ts";
import { Cache } from "../../../lib/cache/cache.ts";
import { baseImage } from "../../../tasks/base_image/base_image.ts";
import { FakeRegistry } from "../../support/fake_registry.ts";
import { inFolder } from "../../support/in_folder.ts";
import { pushNixImage } from "../../support/nix_image.ts";

const versions = [
  ["nix (Determinate Nix 3.11.3) 2.31.2", 'Nix "2.31.2" of Determinate Nix 3.11.3'],
  ["nix (Determinate Nix) 2.31.2", 'Nix "2.31.2"'],
  ["nix (Nix) 2.31.2", 'Nix "2.31.2"'],
] as const;

for (const [nixVersion, shown] of versions) {
  Deno.test(`baseImage() says that ${nixVersion} has no image, and what it takes in its place`, async () => {
    await inFolder(async (folder) => {
      await using registry = new FakeRegistry();
      await pushNixImage(folder, registry.host, "2.31.1", [{ label: "2.31.1" }]);
      const notes: string[] = [];
      const repository = `${registry.host}/nixos/nix`;
      const find = (fallback: "none" | "minor") =>
        baseImage({ nixVersion, repository, fallback }, {
          cache: new Cache(join(folder, "cache")),
          report: (event) => void (event.type === "note" && notes.push(event.message)),
        });
      const { message } = await assertRejects(() => find("none"), KedgeError);
      assertEquals(
        message,
        `Cannot find a base image with ${shown} in "${repository}": it has no such tag`,
      );
      assertEquals((await find("minor")).nixVersion, "2.31.1");
      assertEquals(notes, [
        `there is no image of ${
          shown.replaceAll('"', "")
        }; taking the fallback 2.31.1, which holds Nix 2.31.1`,
      ]);
    });
  });
}
