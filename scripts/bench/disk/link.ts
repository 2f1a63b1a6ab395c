import { DiskProxy } from "../../../tests/support/disk_proxy.ts";
import type { Bench } from "./bench.ts";
import { makeLarge } from "./data.ts";
import { kedge } from "./kedge.ts";
import { atMost, type Row, secs } from "./rows.ts";
import { inTurn, run } from "./run.ts";

/** A pull after few edits, over a link of 50 MiB/s, against a pull onto nothing. */
export async function link(bench: Bench): Promise<Row[]> {
  return await afterEdits(bench, "2 GB", bench.data.release, bench.data.edited);
}

/** The same of a disk with four times the files, of which less of the time is the start of a run. */
export async function linkLarge(bench: Bench): Promise<Row[]> {
  const { large, edited } = await makeLarge(bench.data);
  return await afterEdits(bench, "5 GB", large, edited);
}

async function afterEdits(
  { work, host, rounds }: Bench,
  size: string,
  before: string,
  after: string,
): Promise<Row[]> {
  await using proxy = new DiskProxy(host, { bytesPerSecond: 50 * 2 ** 20 });
  const direct = (tag: string) => `docker://${host}/link/disk:${tag}`;
  const slow = (tag: string) => `docker://${proxy.host}/link/disk:${tag}`;
  const [here, there, ready, out] = ["here", "there", "ready", "out"].map((name) =>
    `${work}/link-${name}`
  ) as [string, string, string, string];
  await kedge(here, "disk:push", before, direct("old"));
  await kedge(here, "disk:push", after, direct("new"));
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
  const row = (way: string, took: number) =>
    atMost(`50 MiB/s, ${size}, after edits, ${way}`, took, secs, seconds.full, "full", 0.1);
  return [row("in place", seconds.inPlace), row("beside", seconds.beside)];
}
