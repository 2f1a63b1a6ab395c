import { join } from "@std/path";
import { Cache } from "../../lib/cache/cache.ts";
import type { PublishOptions } from "../../tasks/publish/publish.ts";
import type { NixWorld } from "./nix.ts";

/** What a publication to the stores of Nix needs. */
export interface ForeignGround {
  /** A path with another one that it needs, and no stores. */
  options: PublishOptions;
  /** A cache of its own. */
  ctx: { cache: Cache };
}

/** Builds two paths to be published to stores that Nix writes to, which take what is not signed. */
export async function foreignGround(
  world: NixWorld,
  cache = "kedge-cache",
): Promise<ForeignGround> {
  const built = await world.build([{ name: "leaf" }, { name: "top", needs: ["leaf"] }]);
  return {
    options: {
      name: "top",
      version: "1",
      paths: [built["top"]!],
      stores: [],
      catalog: `sqlite://${world.dir}/catalog.db`,
      nix: { env: { ...world.env, NIX_CONFIG: "require-sigs = false" } },
    },
    ctx: { cache: new Cache(join(world.dir, cache)) },
  };
}
