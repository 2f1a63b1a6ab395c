// deno-lint-ignore-file no-console -- a bench speaks to a terminal
/**
 * Images side by side with skopeo, over docker-registry on loopback: 285 MB in 9 blobs, lists of small images, what changed over a slow
 * link, latency, a pull that was killed. `image:pull`, `image:push`, ... choose parts.
 *
 * Medians of five rounds, the ways in turn. Layers are valid gzip, since skopeo would compress what is not.
 *
 * @module
 */
import { findProgram } from "../../tests/support/real.ts";
import { ImageBench } from "./image/image_bench.ts";
import { farMany, many, mounted, otherRegistry, pull, push, unchanged } from "./image/copies.ts";
import { changed, farPull, farPush, killed } from "./image/links.ts";

const all: Record<string, (bench: ImageBench) => Promise<void>> = {
  pull,
  push,
  "other-registry": otherRegistry,
  mounts: mounted,
  many,
  unchanged,
  changed,
  "far-many": farMany,
  "far-pull": farPull,
  "far-push": farPush,
  killed,
};

/** Runs the image bench, or the parts that are named, and prints its table. */
export async function bench(parts: readonly string[] = []): Promise<void> {
  const missing = ["skopeo", "docker-registry"].filter((name) => findProgram(name) === undefined);
  if (missing.length > 0) {
    console.log(`not measured: needs ${missing.join(" and ")}`);
    return;
  }
  const chosen = parts.length > 0 ? parts : Object.keys(all);
  const unknown = chosen.filter((part) => all[part] === undefined);
  if (unknown.length > 0) {
    throw new Error(`no part ${unknown.join(", ")}; there are ${Object.keys(all).join(", ")}`);
  }
  const rows = [];
  for (const part of chosen) {
    await using room = await ImageBench.make();
    await all[part]!(room);
    rows.push(...room.rows);
  }
  console.table(rows);
}
