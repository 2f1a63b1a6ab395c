import { chunkerFor } from "../../../lib/chunk/chunker.ts";
import { takeIndex } from "../../../lib/chunk/decode_index.ts";
import { takeDiff, takeKnown } from "../../../lib/chunk/diff_indexes.ts";
import { encodeIndex } from "../../../lib/chunk/encode_index.ts";
import { JobPool } from "../../../lib/chunk/job_pool.ts";
import { scanFile } from "../../../lib/chunk/scan_file.ts";
import { TableBuilder } from "../../../lib/chunk/table_builder.ts";
import { rawIndex } from "../../../tests/support/disk.ts";
import { bareHash, bareUnpack } from "./bare.ts";
import type { Bench } from "./bench.ts";
import { kedge } from "./kedge.ts";
import { atLeast, atMost, type Row, secs } from "./rows.ts";
import { median } from "../median.ts";
import { inTurn, run } from "./run.ts";
import { unpack } from "./unpack.ts";

/** The parts alone. What the bare loop takes on this machine at the same time stands beside each: a part that is much slower has lost something. */
export async function engine({ data, work, rounds }: Bench): Promise<Row[]> {
  const { size } = await Deno.stat(data.tar);
  const mib = size / 2 ** 20;
  const scan = async (kind: "cdc" | "fixed") => {
    using pool = new JobPool({ workers: 0 });
    const started = performance.now();
    await scanFile(data.tar, chunkerFor(kind, size), { pool });
    return (performance.now() - started) / 1000;
  };
  const layout = `oci:${work}/engine:1`;
  await kedge(`${work}/engine-a`, "disk:push", data.tar, layout);
  const seconds = await inTurn(rounds, {
    cdc: () => scan("cdc"),
    fixed: () => scan("fixed"),
    bareHash: () => bareHash(data.tar),
    unpack: async () => {
      await run("rm", ["-f", `${work}/out`]);
      return await unpack(`${work}/engine`, `${work}/out`);
    },
    pull: async () => {
      await run("rm", ["-rf", `${work}/engine-b`, `${work}/out`]);
      return (await kedge(`${work}/engine-b`, "disk:pull", layout, `${work}/out`)).seconds;
    },
    bareUnpack: async () => {
      await run("rm", ["-f", `${work}/out`]);
      return await bareUnpack(`${work}/engine`, `${work}/out`);
    },
  });
  await run("rm", ["-rf", `${work}/engine`, `${work}/engine-a`, `${work}/engine-b`, `${work}/out`]);
  const bare = (time: number) => `the bare loop: ${(mib / time).toFixed(0)}`;
  const hash = bare(seconds.bareHash);
  return [
    atLeast("fixed blocks and hashing on one core", mib / seconds.fixed, 600, hash),
    atLeast("content-defined chunks and hashing on one core", mib / seconds.cdc, 600, hash),
    atLeast("decompress, verify and write on two", mib / seconds.unpack, 400, "without fsync"),
    atLeast(
      "a pull from a layout, with fsync and the start of the program",
      mib / seconds.pull,
      400,
      bare(seconds.bareUnpack),
    ),
    ...tables(rounds),
  ];
}

/** Reading and comparing two tables, and whether it grows in line with them. */
function tables(rounds: number): Row[] {
  const took = (count: number) => {
    const [from, to] = [table(count, 0), table(count, 7)].map(encodeIndex);
    const seconds = Array.from({ length: rounds }, () => {
      const started = performance.now();
      takeIndex(to!, takeDiff(takeIndex(from!, takeKnown)));
      return (performance.now() - started) / 1000;
    });
    return median(seconds);
  };
  const [small, large] = [took(400_000), took(1_600_000)];
  return [
    atMost("two tables of 400,000 chunks read and diffed", small, secs, 1.5, "goal", 1),
    atMost("two tables of 1,600,000 chunks", large, secs, 4 * small, "four times that", 1.25),
  ];
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
