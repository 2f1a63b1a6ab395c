import { DiskProxy } from "../../../tests/support/disk_proxy.ts";
import type { Bench } from "./bench.ts";
import { kedge } from "./kedge.ts";
import { atMost, type Row, secs } from "./rows.ts";
import { inTurn, run } from "./run.ts";

/** A pull after few edits, over a link of 50 MiB/s, against a pull onto nothing. */
export async function link({ data, work, host, rounds }: Bench): Promise<Row[]> {
  await using proxy = new DiskProxy(host, { bytesPerSecond: 50 * 2 ** 20 });
  const direct = (tag: string) => `docker://${host}/link/disk:${tag}`;
  const slow = (tag: string) => `docker://${proxy.host}/link/disk:${tag}`;
  const [here, there, ready, out] = ["here", "there", "ready", "out"].map((name) =>
    `${work}/link-${name}`
  ) as [string, string, string, string];
  await kedge(here, "disk:push", data.release, direct("old"));
  await kedge(here, "disk:push", data.edited, direct("new"));
  await kedge(ready, "disk:pull", direct("old"), out);
  const update = async (...flags: string[]) => {
    await run("rm", ["-rf", there, out]);
    await run("cp", ["-a", ready, there]);
    await kedge(there, "disk:pull", direct("old"), out);
    return (await kedge(there, "disk:pull", slow("new"), out, ...flags)).seconds;
  };
  const seconds = await inTurn(rounds, {
    full: async () => {
      await run("rm", ["-rf", there, out]);
      return (await kedge(there, "disk:pull", slow("old"), out)).seconds;
    },
    beside: () => update(),
    inPlace: () => update("--in-place"),
  });
  await run("rm", ["-rf", here, there, ready, out]);
  return [
    atMost("50 MiB/s, after edits, in place", seconds.inPlace, secs, seconds.full, "full", 0.1),
    atMost("50 MiB/s, after edits, beside", seconds.beside, secs, seconds.full, "full", 0.1),
  ];
}
