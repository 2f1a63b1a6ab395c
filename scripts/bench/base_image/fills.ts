// deno-lint-ignore-file no-console -- a script speaks to a terminal
/**
 * The first fill. Both start with the same bytes, write to a fresh ext4, and end with everything on the disk: kedge syncs before it notes what
 * it brought, and the peer, which does not, is followed by a `sync`; what it takes without is told too. kedge fills a volume without podman; where
 * something is then run in it, podman needs the image as well, so that its pull is counted on both sides in rows of their own.
 *
 * @module
 */
import { join } from "@std/path";
import { type FillGround, next, peerOf, version } from "./fill_ground.ts";
import { median } from "../median.ts";
import { head, mb, pairs, row, timed } from "./support.ts";

interface Carried {
  paths: number;
  pathsMoved: number;
  bytesMoved: number;
  bytesReused: number;
  layerBytes: number;
}

/** Prints the table. */
export async function fills(ground: FillGround): Promise<void> {
  const times: Record<string, number[]> = {};
  const took = (name: string, seconds: number) => (times[name] ??= []).push(seconds);
  const middle = (name: string) => median(times[name]!);
  let first: Carried | undefined;
  let second: Carried | undefined;
  // The same bytes that kedge fetches; what the peer runs in besides is fetched unmeasured.
  took("pull", await ground.pull(version));
  took("pull next", await ground.pull(next));
  for (const tag of [version, next]) await ground.pull(peerOf(tag));
  const layout = `oci:${join(ground.folder, "layout")}:nix`;
  const turns = [
    async () => {
      await using disk = await ground.disk();
      const fill = await timed(ground.carry(version, disk.dir, "--json"));
      took("registry", fill.seconds);
      const follow = await timed(ground.carry(next, disk.dir, "--json"));
      took("next", follow.seconds);
      first = valueOf(fill.stdout);
      second = valueOf(follow.stdout);
    },
    async () => {
      await using disk = await ground.disk();
      // The image is on the machine, and its name is known.
      const copy = `--copy=${layout}`;
      await timed(ground.carry(version, disk.dir, copy, "--dry-run"));
      took("layout", (await timed(ground.carry(version, disk.dir, copy))).seconds);
    },
    async () => {
      await using disk = await ground.disk();
      // podman has the image unpacked, as it has the one that the peer runs in.
      await timed(ground.carry(version, disk.dir, ...ground.inPodman, "--dry-run"));
      const fill = await timed(ground.carry(version, disk.dir, ...ground.inPodman, "--json"));
      took("podman", fill.seconds);
      if (valueOf(fill.stdout).layerBytes > 0) throw new Error("it was not read out of podman");
    },
    async () => {
      await using disk = await ground.disk();
      const nix = join(disk.dir, "nix");
      await Deno.mkdir(nix);
      const { whole, copied, synced } = await ground.copyAll(nix);
      took("run", whole);
      took("copied", copied);
      took("synced", synced);
      took("run next", (await ground.copyAll(nix, next)).whole);
    },
  ];
  await timed(ground.carry(version, join(ground.folder, "layout-fill"), `--copy=${layout}`));
  await timed(ground.carry(version, join(ground.folder, "podman-fill"), ...ground.inPodman));
  for (let pair = 0; pair < pairs; pair++) {
    for (const turn of turns.toSorted(() => Math.random() - 0.5)) await turn();
  }
  console.log(`podman keeps its images with ${ground.driver}`);
  head(
    `store of ${first!.paths} paths, ${mb(first!.bytesMoved)}`,
    "kedge",
    "nix copy --all, cp -R",
    "ratio",
  );
  const versus = (name: string, ours: number, theirs: number) =>
    row(name, `${ours.toFixed(2)} s`, `${theirs.toFixed(2)} s`, (ours / theirs).toFixed(2));
  const [run, pull, fromRegistry, fromLayout] = [
    middle("run"),
    middle("pull"),
    middle("registry"),
    middle("layout"),
  ];
  versus("from the registry, beside podman pull and run", fromRegistry, pull + run);
  versus("from the registry, podman's pull on both sides", pull + fromRegistry, pull + run);
  versus("the image is in podman, beside podman run", middle("podman"), run);
  versus("the image is in a layout, beside podman run", fromLayout, run);
  versus(
    "the image is in a layout, beside the copy and a sync in it",
    fromLayout,
    middle("synced"),
  );
  versus(
    "the image is in a layout, beside the copy alone, not synced",
    fromLayout,
    middle("copied"),
  );
  const follow = middle("pull next") + middle("run next");
  versus("another version of Nix, beside podman pull and run", middle("next"), follow);
  const ours = middle("pull next") + middle("next");
  versus("another version of Nix, podman's pull on both sides", ours, follow);
  console.log(
    `another version moved ${second!.pathsMoved} of ${second!.paths} paths, ${
      mb(second!.bytesMoved)
    } of ${mb(second!.bytesMoved + second!.bytesReused)}`,
  );
}

function valueOf(stdout: string): Carried {
  return JSON.parse(stdout.trim().split("\n").at(-1)!).value;
}
