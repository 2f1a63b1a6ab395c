// deno-lint-ignore-file no-console -- a bench speaks to a terminal
/**
 * Disks in chunks, side by side with casync, skopeo and layers of 512 MiB: bytes moved, wall time, memory.
 *
 * Medians of five rounds (`KEDGE_BENCH_ROUNDS`), the ways in turn. The data is made once, as root, by debootstrap and mke2fs, and kept in `KEDGE_BENCH_DIR`,
 * else in /var/tmp/kedge-bench.
 *
 * @module
 */
import { fromFileUrl } from "@std/path";
import { chunkerFor } from "../../lib/chunk/chunker.ts";
import { decodeIndex } from "../../lib/chunk/decode_index.ts";
import { diffTables } from "../../lib/chunk/diff_tables.ts";
import { encodeIndex } from "../../lib/chunk/encode_index.ts";
import { JobPool } from "../../lib/chunk/job_pool.ts";
import { scanFile } from "../../lib/chunk/scan_file.ts";
import { TableBuilder } from "../../lib/chunk/table_builder.ts";
import { rawIndex } from "../../tests/support/disk.ts";
import { DiskProxy } from "../../tests/support/disk_proxy.ts";
import { findProgram } from "../../tests/support/real.ts";
import { startRegistry } from "../../tests/support/registry.ts";
import { type BenchData, makeData } from "./disk/data.ts";
import { casyncDelta, layerDelta, layerLayout, skopeo } from "./disk/peers.ts";
import { alone, inTurn, median, run } from "./disk/run.ts";

const rounds = Number(Deno.env.get("KEDGE_BENCH_ROUNDS") ?? 5);
const program = fromFileUrl(new URL("../../mod.ts", import.meta.url));
const config = fromFileUrl(new URL("../../deno.json", import.meta.url));
let rows: { what: string; measured: string; against: string; ratio: string; goal: string }[] = [];

interface KedgeRun {
  seconds: number;
  peakMib: number;
  bytesMoved: number;
  requests: number;
}

/** Runs the disk bench and prints its table. */
export async function bench(): Promise<void> {
  const needed = ["debootstrap", "mke2fs", "casync", "skopeo", "docker-registry", "zstd", "tar"];
  const missing = needed.filter((name) => findProgram(name) === undefined);
  if (missing.length > 0 || Deno.uid() !== 0) {
    console.log(
      `not measured: needs root and ${missing.length === 0 ? "that alone" : missing.join(", ")}`,
    );
    return;
  }
  const home = Deno.env.get("KEDGE_BENCH_DIR") ?? "/var/tmp/kedge-bench";
  const data = await makeData(`${home}/disk-v1`);
  const work = await Deno.makeTempDir({ dir: home });
  try {
    await using registry = await startRegistry({ folder: `${work}/registry` });
    for (const part of [engine, bytes, wall, link]) {
      await part(data, work, registry.host);
      console.table(rows);
      rows = [];
    }
  } finally {
    await Deno.remove(work, { recursive: true });
  }
}

async function kedge(cache: string, ...args: string[]): Promise<KedgeRun> {
  const command = ["run", "-A", "--config", config, program, ...args, "--json"];
  const { stdout, seconds, peakMib } = await run(Deno.execPath(), command, {
    KEDGE_CACHE_DIR: cache,
  });
  const { value } = JSON.parse(stdout.trim().split("\n").at(-1)!);
  return { seconds, peakMib, bytesMoved: value.bytesMoved, requests: value.requests };
}

/** What an update moves to a machine that has the version before. */
async function bytes(data: BenchData, work: string, host: string): Promise<void> {
  const update = async (name: string, from: string, to: string, chunker: string) => {
    const reference = `docker://${host}/bytes/${name}:1`;
    const [here, there, out] = [`${work}/${name}-a`, `${work}/${name}-b`, `${work}/${name}`];
    await kedge(here, "disk:push", from, reference, "--chunker", chunker);
    await kedge(there, "disk:pull", reference, out);
    await kedge(here, "disk:push", to, reference, "--chunker", chunker);
    const pull = await kedge(there, "disk:pull", reference, out);
    const again = await kedge(there, "disk:pull", reference, out);
    await run("cmp", [to, out]);
    await Deno.remove(out);
    return { moved: pull.bytesMoved, again };
  };
  const release = await update("release", data.release, data.updated, "auto");
  const casync = await casyncDelta(work, data.release, data.updated);
  add("release -> updated, bytes", release.moved, mb, casync, "casync", 1.15);
  const tart = await layerDelta(work, data.release, data.updated);
  add("release -> updated, bytes", release.moved, mb, tart, "512 MiB layers", 0.25);
  for (const chunker of ["auto", "fixed"]) {
    const edits = await update(`edits-${chunker}`, data.release, data.edited, chunker);
    add(`200 edits of 4 KiB, ${chunker}, bytes`, edits.moved, mb, 20e6, "20 MB", 1);
  }
  const insert = await update("insert", data.tar, data.inserted, "auto");
  add("a byte inserted into a tar, bytes", insert.moved, mb, 0.5e6, "0.5 MB", 1);
  add("unchanged, bytes beside the manifest", insert.again.bytesMoved, mb, 1, "nothing", 0);
  add("unchanged, requests", insert.again.requests, String, 1, "1", 1);
}

/** Full pushes and pulls of the release, on loopback. */
async function wall(data: BenchData, work: string, host: string): Promise<void> {
  const layout = await layerLayout(work, data.tar);
  const peaks: number[] = [];
  const clean = async (...paths: string[]) => {
    for (const path of paths) await run("rm", ["-rf", path]);
  };
  const push = await inTurn(rounds, {
    kedge: async (round) => {
      await clean(`${work}/cache`);
      const to = `docker://${host}/push/kedge${round}:1`;
      const { seconds, peakMib } = await kedge(`${work}/cache`, "disk:push", data.tar, to);
      peaks.push(peakMib);
      return seconds;
    },
    casync: async (round) => {
      await clean(`${work}/store`, `${work}/store.tar`);
      const make = await run("casync", [
        "make",
        `--store=${work}/store`,
        `${work}/push.caibx`,
        data.tar,
      ]);
      await run("tar", ["-cf", `${work}/store.tar`, "-C", `${work}/store`, "."]);
      const packed = await layerLayout(`${work}/store`, `${work}/store.tar`);
      // The chunks are compressed already; skopeo is not to do it again.
      const to = `docker://${host}/push/casync${round}:1`;
      return make.seconds + await skopeo(packed, to, "--preserve-digests");
    },
    skopeo: (round) =>
      skopeo(layout, `docker://${host}/push/skopeo${round}:1`, "--dest-compress-format", "zstd"),
  });
  add("full push, seconds", push.kedge, secs, push.casync, "casync make + skopeo", 0.5);
  add("full push, seconds", push.kedge, secs, push.skopeo, "skopeo with zstd", 1);
  const pull = await inTurn(rounds, {
    kedge: async () => {
      await clean(`${work}/cache`, `${work}/out`);
      const from = `docker://${host}/push/kedge0:1`;
      const { seconds, peakMib } = await kedge(
        `${work}/cache`,
        "disk:pull",
        from,
        `${work}/out`,
      );
      peaks.push(peakMib);
      return seconds;
    },
    skopeo: async () => {
      await clean(`${work}/dir`, `${work}/out`);
      const copy = await skopeo(`docker://${host}/push/skopeo0:1`, `dir:${work}/dir`);
      const script = `f=$(ls -S "$0" | head -1); zstd -qdc "$0/$f" > "$1"; sync "$1"`;
      return copy + (await run("sh", ["-c", script, `${work}/dir`, `${work}/out`])).seconds;
    },
  });
  add("full pull, seconds", pull.kedge, secs, pull.skopeo, "skopeo + zstd -d", 1);
  add("memory, MiB", Math.max(...peaks), Math.round, 300, "300 MiB", 1);
  await clean(`${work}/out`, `${work}/dir`, `${work}/store`, `${work}/store.tar`, `${work}/layout`);
}

/** A pull after few edits, over a link of 50 MiB/s. */
async function link(data: BenchData, work: string, host: string): Promise<void> {
  const direct = `docker://${host}/link/disk:1`;
  await using proxy = new DiskProxy(host, { bytesPerSecond: 50 * 2 ** 20 });
  const reference = `docker://${proxy.host}/link/disk:1`;
  const [here, there, out] = [`${work}/link-a`, `${work}/link-b`, `${work}/link`];
  const seconds = await inTurn(rounds, {
    full: async () => {
      await kedge(here, "disk:push", data.release, direct);
      await run("rm", ["-rf", there, out]);
      return (await kedge(there, "disk:pull", reference, out)).seconds;
    },
    beside: async () => {
      await kedge(here, "disk:push", data.release, direct);
      await kedge(there, "disk:pull", direct, out);
      await kedge(here, "disk:push", data.edited, direct);
      return (await kedge(there, "disk:pull", reference, out)).seconds;
    },
    inPlace: async () => {
      await kedge(here, "disk:push", data.release, direct);
      await kedge(there, "disk:pull", direct, out);
      await kedge(here, "disk:push", data.edited, direct);
      return (await kedge(there, "disk:pull", reference, out, "--in-place")).seconds;
    },
  });
  add("50 MiB/s, after edits, in place", seconds.inPlace, secs, seconds.full, "full pull", 0.1);
  add("50 MiB/s, after edits, beside", seconds.beside, secs, seconds.full, "full pull", 0.1);
}

/** The parts alone. */
async function engine(data: BenchData, work: string): Promise<void> {
  const speeds: number[] = [];
  const { size } = await Deno.stat(data.tar);
  for (let round = 0; round < rounds; round++) {
    using pool = new JobPool({ workers: 0 });
    const started = performance.now();
    await alone(() => scanFile(data.tar, chunkerFor("cdc", size), { pool }));
    speeds.push(size / 2 ** 20 / ((performance.now() - started) / 1000));
  }
  const speed = median(speeds);
  rows.push({
    what: "chunking and hashing on one core, MiB/s",
    measured: speed.toFixed(0),
    against: "600",
    ratio: (speed / 600).toFixed(2),
    goal: ">= 1",
  });
  const layout = `oci:${work}/engine:1`;
  await kedge(`${work}/engine-a`, "disk:push", data.tar, layout);
  const pulls: number[] = [];
  for (let round = 0; round < rounds; round++) {
    await run("rm", ["-rf", `${work}/engine-b`, `${work}/out`]);
    const pull = () => kedge(`${work}/engine-b`, "disk:pull", layout, `${work}/out`);
    pulls.push(size / 2 ** 20 / (await alone(pull)).seconds);
  }
  rows.push({
    what: "decompress, verify, write, start and fsync included, MiB/s",
    measured: median(pulls).toFixed(0),
    against: "400",
    ratio: (median(pulls) / 400).toFixed(2),
    goal: ">= 1",
  });
  await run("rm", ["-rf", `${work}/engine`, `${work}/out`]);
  const [from, to] = [table(400_000, 0), table(400_000, 7)].map(encodeIndex);
  const started = performance.now();
  diffTables(decodeIndex(from!), decodeIndex(to!));
  const took = (performance.now() - started) / 1000;
  add("two tables of 400,000 chunks read and diffed, seconds", took, secs, 1.5, "1.5 s", 1);
}

function table(count: number, seed: number) {
  const builder = new TableBuilder(chunkerFor("fixed", 0));
  const column = new Uint8Array(32);
  const words = new Uint32Array(column.buffer);
  for (let chunk = 0; chunk < count; chunk++) {
    words[0] = Math.imul(chunk + 1, 0x9e3779b1);
    words[1] = chunk;
    words[2] = chunk % 50 === 0 ? seed : 0;
    for (let word = 3; word < 8; word++) {
      words[word] = Math.imul(words[word - 3]!, 0x85ebca6b) ^ word;
    }
    builder.chunk(column, 0, 65_536);
  }
  return rawIndex(builder.table(), 750);
}

function add(
  what: string,
  measured: number,
  show: (value: number) => string | number,
  against: number,
  whom: string,
  goal: number,
): void {
  rows.push({
    what,
    measured: String(show(measured)),
    against: `${show(against)} ${whom}`,
    ratio: (measured / against).toFixed(3),
    goal: `<= ${goal}`,
  });
}

function mb(value: number): string {
  return `${(value / 1e6).toFixed(2)} MB`;
}

function secs(value: number): string {
  return `${value.toFixed(2)} s`;
}
