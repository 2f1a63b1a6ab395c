/** What a version of Nix means, by who makes it, and with a lockfile beside runs without one. */
import { assertEquals, assertRejects } from "@std/assert";
import { join } from "@std/path";
import { KedgeError } from "../../../lib/base/errors.ts";
import { Cache } from "../../../lib/cache/cache.ts";
import { Lockfile } from "../../../lib/cache/lockfile.ts";
import type { TaskContextOptions } from "../../../lib/runner/context.ts";
import {
  baseImage,
  type BaseImageOptions,
  type BaseImageResult,
} from "../../../tasks/base_image/base_image.ts";
import { type NixImage, pushNixImage } from "../../support/nix_image.ts";
import { realTest } from "../../support/real.ts";
import { startRegistry } from "../../support/registry.ts";
import { removeTree } from "../../support/remove_tree.ts";

interface Ground {
  folder: string;
  push(image: NixImage): Promise<string>;
  find(options?: BaseImageOptions, context?: TaskContextOptions): Promise<BaseImageResult>;
}

/** A test beside a registry that gets images of Nix 2.8.0. */
function groundTest(name: string, run: (ground: Ground) => Promise<void>): void {
  realTest(name, ["docker-registry"], async () => {
    await using registry = await startRegistry();
    const folder = await Deno.makeTempDir({ prefix: "kedge-meaning-" });
    try {
      await run({
        folder,
        push: (image) => pushNixImage(folder, registry.host, "2.8.0", [image]),
        find: (options, context) =>
          baseImage(
            { repository: `${registry.host}/nixos/nix`, nixVersion: "2.8.0", ...options },
            { cache: new Cache(join(folder, "cache")), ...context },
          ),
      });
    } finally {
      await removeTree(folder);
    }
  });
}

groundTest(
  "baseImage() takes no image of Nix for another vendor's Nix of the same number, though it knows it",
  async ({ folder, push, find }) => {
    await push({ label: "2.8.0" });
    const path = join(folder, "kedge.lock");
    await find({}, { lockfile: new Lockfile(path) });
    for (const nixVersion of ["nix (Lix, like Nix) 2.8.0", "nix (Own Nix) 2.8.0", "lix-2.8.0"]) {
      const none = () => find({ nixVersion }, { lockfile: new Lockfile(path) });
      const { message } = await assertRejects(none, KedgeError);
      assertEquals(/: (Lix|"Own Nix") has no official image$/.test(message), true, message);
    }
    const chosen = await find({ nixVersion: "lix-2.8.0", fallback: "2.8.0" });
    assertEquals([chosen.nixVersion, chosen.requests], ["2.8.0", 3]);
  },
);

groundTest(
  "the tag of a base image means what it means now where no lockfile is used, whatever one pins beside it",
  async ({ folder, push, find }) => {
    const path = join(folder, "kedge.lock");
    const first = await push({ label: "2.8.0", layers: ["a"] });
    await find({}, { lockfile: new Lockfile(path) });
    const second = await push({ label: "2.8.0", layers: ["b"] });
    assertEquals((await find({}, { refresh: "all" })).digest, second);
    const pinned = await find({}, { lockfile: new Lockfile(path) });
    assertEquals([pinned.digest, pinned.requests > 0], [first, true]);
    const again = await find({}, { lockfile: new Lockfile(path), offline: true });
    assertEquals([again.digest, again.requests], [first, 0]);
    const plain = await find({ maxAge: "1h" });
    assertEquals([plain.digest, plain.requests], [second, 0]);
  },
);

groundTest(
  "what a lockfile pins is not learned for runs without one, on a machine that knows neither",
  async ({ folder, push, find }) => {
    const path = join(folder, "kedge.lock");
    const first = await push({ label: "2.8.0", layers: ["a"] });
    await find({}, { lockfile: new Lockfile(path) });
    const second = await push({ label: "2.8.0", layers: ["b"] });
    await removeTree(join(folder, "cache"));
    assertEquals((await find({}, { lockfile: new Lockfile(path) })).digest, first);
    assertEquals((await find({ maxAge: "1h" })).digest, second);
  },
);
