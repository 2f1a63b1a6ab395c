import type { Bench } from "./bench.ts";
import { kedge } from "./kedge.ts";
import { casyncDelta, layerDelta } from "./peers.ts";
import { atMost, mb, type Row } from "./rows.ts";
import { run } from "./run.ts";

/** What an update moves to a machine that has the version before. */
export async function bytes({ data, work, host }: Bench): Promise<Row[]> {
  const update = async (name: string, from: string, to: string, chunker: string) => {
    const reference = `docker://${host}/bytes/${name}:1`;
    const [here, there, out] = [`${work}/${name}-a`, `${work}/${name}-b`, `${work}/${name}`];
    await kedge(here, "disk:push", from, reference, "--chunker", chunker);
    await kedge(there, "disk:pull", reference, out);
    await kedge(here, "disk:push", to, reference, "--chunker", chunker);
    const pull = await kedge(there, "disk:pull", reference, out);
    const again = await kedge(there, "disk:pull", reference, out);
    await run("cmp", [to, out]);
    await run("rm", ["-rf", out, here, there]);
    return { moved: pull.bytesMoved, again };
  };
  const release = await update("release", data.release, data.updated, "auto");
  const casync = await casyncDelta(work, data.release, data.updated);
  const tart = await layerDelta(work, data.release, data.updated);
  const rows = [
    atMost("release -> updated, bytes", release.moved, mb, casync, "casync", 1.15),
    atMost("release -> updated, bytes", release.moved, mb, tart, "512 MiB layers in LZ4", 0.25),
  ];
  for (const chunker of ["auto", "fixed"]) {
    const edits = await update(`edits-${chunker}`, data.release, data.edited, chunker);
    rows.push(atMost(`200 edits of 4 KiB, ${chunker}, bytes`, edits.moved, mb, 20e6, "goal", 1));
  }
  const { moved, again } = await update("insert", data.tar, data.inserted, "auto");
  rows.push(
    atMost("a byte inserted into a tar, bytes", moved, mb, 0.5e6, "goal", 1),
    atMost("unchanged, bytes beside the manifest", again.bytesMoved, mb, 1, "nothing", 0),
    atMost("unchanged, requests", again.requests, String, 1, "goal", 1),
  );
  return rows;
}
