import type { Bench } from "./bench.ts";
import { kedge } from "./kedge.ts";
import { layerLayout, skopeo } from "./peers.ts";
import { atMost, type Row, secs } from "./rows.ts";
import { inTurn, run } from "./run.ts";

/** Full pushes against one layer that skopeo compresses. */
export async function push(bench: Bench): Promise<Row[]> {
  const { data, work, host, rounds } = bench;
  const layout = await layerLayout(work, data.tar);
  const pushes = pushing(bench);
  const seconds = await inTurn(rounds, {
    kedge: pushes.kedge,
    skopeo: (round) =>
      skopeo(layout, `docker://${host}/push/skopeo${round}:1`, "--dest-compress-format", "zstd"),
  });
  await run("rm", ["-rf", `${work}/layout`]);
  return [
    atMost("full push", seconds.kedge, secs, seconds.skopeo, "skopeo with zstd", 1),
    atMost("memory of a push, MiB", pushes.peakMib(), Math.round, 300, "goal", 1),
  ];
}

/** Full pushes against chunks that casync makes and skopeo sends. */
export async function casync(bench: Bench): Promise<Row[]> {
  const { data, work, host, rounds } = bench;
  const store = `${work}/store`;
  const seconds = await inTurn(rounds, {
    kedge: pushing(bench).kedge,
    casync: async (round) => {
      await run("rm", ["-rf", store, `${store}.tar`]);
      const make = ["make", `--store=${store}`, `${work}/push.caibx`, data.tar];
      const { seconds } = await run("casync", make);
      await run("tar", ["-cf", `${store}.tar`, "-C", store, "."]);
      const packed = await layerLayout(work, `${store}.tar`);
      // The chunks are compressed already; skopeo is not to do it again.
      const to = `docker://${host}/push/casync${round}:1`;
      return seconds + await skopeo(packed, to, "--preserve-digests");
    },
  });
  await run("rm", ["-rf", store, `${store}.tar`, `${work}/layout`]);
  return [atMost("full push", seconds.kedge, secs, seconds.casync, "casync make + skopeo", 0.5)];
}

function pushing({ data, work, host }: Bench) {
  let most = 0;
  return {
    kedge: async (round: number) => {
      await run("rm", ["-rf", `${work}/cache`]);
      const to = `docker://${host}/push/kedge${round}-${Math.random()}:1`;
      const { seconds, peakMib } = await kedge(`${work}/cache`, "disk:push", data.tar, to);
      most = Math.max(most, peakMib);
      return seconds;
    },
    peakMib: () => most,
  };
}
