import { join } from "@std/path";
import { Cache } from "../../lib/cache/cache.ts";
import type { PublishOptions } from "../../tasks/publish/publish.ts";
import { removeTree } from "./remove_tree.ts";

/** Plain files to publish, with all that a publish writes to in one temporary folder. */
export interface PlainGround extends AsyncDisposable {
  /** The folder. */
  dir: string;
  /** The options of a publish to no store yet. */
  options: PublishOptions;
  /** The context with a cache of its own. */
  ctx: { cache: Cache };
}

/** Makes a ground of so many files with so many bytes of noise each; no Nix is needed. */
export async function plainGround(files = 3, bytes = 1000): Promise<PlainGround> {
  const dir = await Deno.makeTempDir({ prefix: "kedge-plain-" });
  const paths: string[] = [];
  for (let i = 0; i < files; i++) {
    const path = join(dir, `file-${i}`);
    const data = new Uint8Array(bytes);
    for (let at = 0; at < bytes; at += 65_536) {
      crypto.getRandomValues(data.subarray(at, Math.min(bytes, at + 65_536)));
    }
    await Deno.writeFile(path, data);
    paths.push(path);
  }
  return {
    dir,
    options: {
      name: "plain",
      version: "1.0.0",
      paths,
      stores: [],
      catalog: `sqlite://${join(dir, "catalog.db")}`,
      retry: { retries: 2, baseMs: 5, ceilingMs: 20 },
    },
    ctx: { cache: new Cache(join(dir, "cache")) },
    [Symbol.asyncDispose]: () => removeTree(dir),
  };
}
