import { join } from "@std/path";
import { median } from "../median.ts";
import { deno, head, row, timed } from "./support.ts";

/** Resolve and carry again, the tag asked for with one HEAD, beside six empty runs of Deno and that HEAD. */
export async function secondRun(
  command: readonly string[],
  folder: string,
  url: string,
  tag: string,
): Promise<void> {
  const empty = join(folder, "empty.ts");
  await Deno.writeTextFile(empty, "");
  const manifest = `${url}/v2/nixos/nix/manifests/${tag}`;
  const times: Record<string, number[]> = { kedge: [], known: [], empty: [], head: [] };
  for (let round = 0; round < 15; round++) {
    times["kedge"]!.push((await timed([...command, "--refresh"])).seconds);
    times["known"]!.push((await timed(command)).seconds);
    times["empty"]!.push((await timed([...deno, empty])).seconds);
    const begin = performance.now();
    await (await fetch(manifest, {
      method: "HEAD",
      headers: { accept: "application/vnd.oci.image.index.v1+json" },
    })).body?.cancel();
    times["head"]!.push((performance.now() - begin) / 1000);
  }
  const [ours, known, none, asked] = ["kedge", "known", "empty", "head"]
    .map((name) => median(times[name]!)) as [number, number, number, number];
  head("second run", "ms", "of an empty run", "of 6 empty runs and a HEAD");
  for (
    const [name, seconds] of [["resolve with a HEAD, and carry", ours], [
      "resolve and carry",
      known,
    ], ["empty `deno run`", none]] as const
  ) {
    row(
      name,
      (seconds * 1000).toFixed(0),
      (seconds / none).toFixed(1),
      (seconds / (6 * none + asked)).toFixed(2),
    );
  }
}
