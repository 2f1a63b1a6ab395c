import { join } from "@std/path";
import { Cache } from "../../lib/cache/cache.ts";
import type { PublishOptions } from "../../tasks/publish/publish.ts";
import { type NixWorld, startNix } from "./nix.ts";

/** A world with a closure of four paths, a file store, a catalog and a cache. */
export async function publishing(): Promise<
  AsyncDisposable & {
    world: NixWorld;
    built: Record<string, string>;
    store: string;
    catalog: string;
    options: PublishOptions;
    ctx: { cache: Cache };
  }
> {
  const world = await startNix();
  const built = await world.build([
    { name: "leaf" },
    { name: "left", needs: ["leaf"] },
    { name: "right", needs: ["leaf"], self: true },
    { name: "top", needs: ["left", "right"] },
  ]);
  const store = join(world.dir, "binary-cache");
  const catalog = `sqlite://${join(world.dir, "catalog.db")}`;
  return {
    world,
    built,
    store,
    catalog,
    options: {
      name: "top",
      version: "1.0.0",
      paths: [built["top"]!],
      stores: [`file://${store}`],
      catalog,
      nix: { env: world.env },
    },
    ctx: { cache: new Cache(join(world.dir, "kedge-cache")) },
    [Symbol.asyncDispose]: () => world[Symbol.asyncDispose](),
  };
}

/** The paths of all files in a folder. */
export async function filesOf(dir: string): Promise<string[]> {
  const names: string[] = [];
  const visit = async (at: string) => {
    for await (const entry of Deno.readDir(join(dir, at))) {
      const name = at === "" ? entry.name : `${at}/${entry.name}`;
      if (entry.isDirectory) await visit(name);
      else names.push(name);
    }
  };
  await visit("");
  return names.sort();
}
