import type { Bench } from "./bench.ts";
import { kedge } from "./kedge.ts";
import { layerLayout, skopeo } from "./peers.ts";
import { atMost, type Row, secs } from "./rows.ts";
import { inTurn, run } from "./run.ts";

/** Full pulls onto nothing, and the memory that they take. */
export async function pull({ data, work, host, rounds }: Bench): Promise<Row[]> {
  const [disk, image] = [`docker://${host}/pull/kedge:1`, `docker://${host}/pull/skopeo:1`];
  await kedge(`${work}/cache`, "disk:push", data.tar, disk);
  await skopeo(await layerLayout(work, data.tar), image, "--dest-compress-format", "zstd");
  const [out, dir] = [`${work}/out`, `${work}/dir`];
  const peaks: number[] = [];
  const seconds = await inTurn(rounds, {
    kedge: async () => {
      await run("rm", ["-rf", `${work}/cache`, out]);
      const { seconds, peakMib } = await kedge(`${work}/cache`, "disk:pull", disk, out);
      peaks.push(peakMib);
      return seconds;
    },
    skopeo: async () => {
      await run("rm", ["-rf", dir, out]);
      const copy = await skopeo(image, `dir:${dir}`);
      const script = `f=$(ls -S "$0" | head -1); zstd -qdc "$0/$f" > "$1"; sync "$1"`;
      return copy + (await run("sh", ["-c", script, dir, out])).seconds;
    },
  });
  await run("rm", ["-rf", out, dir, `${work}/layout`]);
  return [
    atMost("full pull", seconds.kedge, secs, seconds.skopeo, "skopeo + zstd -d", 1),
    atMost("memory of a pull, MiB", Math.max(...peaks), Math.round, 300, "goal", 1),
  ];
}
