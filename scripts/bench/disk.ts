// deno-lint-ignore-file no-console -- a bench speaks to a terminal
/**
 * Disks in chunks, side by side with casync, skopeo and layers of 512 MiB: bytes moved, wall time, memory.
 *
 * Medians of five rounds (`KEDGE_BENCH_ROUNDS`), the ways in turn. The data is made once, as root, by debootstrap, apt and mke2fs, and kept in `KEDGE_BENCH_DIR`,
 * else in /var/tmp/kedge-bench. `disk:push` measures one part alone.
 *
 * @module
 */
import { findProgram } from "../../tests/support/real.ts";
import { startRegistry } from "../../tests/support/registry.ts";
import type { Bench } from "./disk/bench.ts";
import { bytes } from "./disk/bytes.ts";
import { makeData } from "./disk/data.ts";
import { engine } from "./disk/engine.ts";
import { link, linkLarge } from "./disk/link.ts";
import { pull } from "./disk/pull.ts";
import { casync, push } from "./disk/push.ts";
import type { Row } from "./disk/rows.ts";

const all: Record<string, (bench: Bench) => Promise<Row[]>> = {
  engine,
  bytes,
  push,
  casync,
  pull,
  link,
  "link-large": linkLarge,
};

/** Runs the disk bench, or the parts that are named, and prints a table of each. */
export async function bench(parts: readonly string[] = []): Promise<void> {
  const chosen = parts.length > 0 ? parts : Object.keys(all);
  const unknown = chosen.filter((name) => !Object.hasOwn(all, name));
  if (unknown.length > 0) {
    throw new Error(`Cannot bench ${unknown.join(", ")}: it is ${Object.keys(all).join(", ")}`);
  }
  const needed = ["debootstrap", "mke2fs", "casync", "skopeo", "docker-registry", "zstd", "tar"];
  const missing = needed.filter((name) => findProgram(name) === undefined);
  if (missing.length > 0 || Deno.uid() !== 0) {
    console.log(
      `not measured: needs root and ${missing.length === 0 ? "that alone" : missing.join(", ")}`,
    );
    return;
  }
  const rounds = Number(Deno.env.get("KEDGE_BENCH_ROUNDS") ?? 5);
  const home = Deno.env.get("KEDGE_BENCH_DIR") ?? "/var/tmp/kedge-bench";
  const data = await makeData(`${home}/disk-v2`);
  const work = await Deno.makeTempDir({ dir: home });
  try {
    for (const name of chosen) {
      // A registry for each part, so that what one left behind slows no other.
      const folder = `${work}/${name}`;
      await Deno.mkdir(folder);
      await using registry = await startRegistry({ folder: `${folder}/registry` });
      console.table(await all[name]!({ data, work: folder, host: registry.host, rounds }));
    }
  } finally {
    await Deno.remove(work, { recursive: true });
  }
}
