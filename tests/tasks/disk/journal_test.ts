/** What pulls in place save is found again, whenever and however often they are cut off. @module */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { concat } from "@std/bytes";
import { NotAllowedError, UnreachableError } from "../../../lib/base/errors.ts";
import { runProcess } from "../../../lib/base/process_group.ts";
import type { OperationEvent } from "../../../lib/operation/event.ts";
import { pullDisk, pushDisk } from "../../../tasks/disk/disk.ts";
import { noise } from "../../support/disk.ts";
import { DiskWorld } from "../../support/disk_world.ts";
import { canMountFresh, mountFreshDisk } from "../../support/fresh_disk.ts";

const blockBytes = 65_536;
const blocks = Array.from({ length: 640 }, (_, at) => noise(blockBytes, at + 1));
const first = concat(blocks);
/** The same blocks elsewhere, and one that is nowhere. */
const versions = [300, 341].map((by) =>
  concat([...blocks.slice(by), ...blocks.slice(0, by), noise(blockBytes, 1000 + by)])
);

/** Pushes both versions; gives their references. */
async function pushVersions(world: DiskWorld): Promise<string[]> {
  const references: string[] = [];
  for (const [at, data] of versions.entries()) {
    const reference = `oci:${world.path("store")}:${at}`;
    const file = await world.write("disk", data);
    const cut = { chunker: "fixed", chunkBytes: blockBytes } as const;
    await pushDisk({ file, reference, ...cut }, world.machine());
    references.push(reference);
  }
  return references;
}

/** Begins a pull in place of a version, of which some blocks are written when it is cut off. */
async function cutPull(
  world: DiskWorld,
  of: { reference: string; file: string; version: Uint8Array; written: [number, number] },
): Promise<void> {
  const { reference, file, version, written } = of;
  const stop = new AbortController();
  const report = (event: OperationEvent) => {
    const isSaved = event.type === "object-start" && event.label === "chunks on this machine";
    if (isSaved) stop.abort(new UnreachableError("enough"));
  };
  const machine = { ...world.machine(), report, signal: stop.signal };
  await assertRejects(
    () => pullDisk({ reference, file, inPlace: true }, machine),
    UnreachableError,
  );
  const [start, end] = written.map((block) => block * blockBytes);
  using out = await Deno.open(file, { write: true });
  await out.seek(start!, Deno.SeekMode.Start);
  await out.write(version.subarray(start, end));
}

Deno.test({
  name:
    "a pull in place that cannot write its journal leaves what an earlier one saved as that found it",
  ignore: !canMountFresh,
  fn: async () => {
    await using world = await DiskWorld.make();
    const references = await pushVersions(world);
    await using _fresh = await mountFreshDisk(world.path("fresh"), 300_000_000);
    const file = await world.write("fresh/out", first);
    const [reference, version] = [references[0]!, versions[0]!];
    await cutPull(world, { reference, version, file, written: [0, 250] });
    const journal = world.path("fresh/.out.kedge-journal");
    const chattr = (flag: string) => runProcess("chattr", { args: [flag, journal] });
    assertEquals((await chattr("+i")).code, 0);
    const options = { reference: references[1]!, file, inPlace: true };
    try {
      await assertRejects(
        () => pullDisk(options, world.machine()),
        NotAllowedError,
        ".out.kedge-journal",
      );
    } finally {
      assertEquals((await chattr("-i")).code, 0);
    }
    const { bytesMoved } = await pullDisk(options, world.machine());
    assert(bytesMoved < 3 * blockBytes, `${bytesMoved} were fetched`);
    await world.holds("fresh/out", versions[1]!);
  },
});

Deno.test("pulls in place that are cut off one after the other lose nothing of what was there", async () => {
  await using world = await DiskWorld.make();
  const references = await pushVersions(world);
  const file = await world.write("out", first);
  for (const [at, start] of [[0, 0], [1, 400], [0, 300], [1, 100]] as const) {
    const [reference, version] = [references[at]!, versions[at]!];
    await cutPull(world, { reference, version, file, written: [start, start + 200] });
  }
  const options = { reference: references[0]!, file, inPlace: true };
  const { bytesMoved } = await pullDisk(options, world.machine());
  assert(bytesMoved < 3 * blockBytes, `${bytesMoved} were fetched`);
  await world.holds("out", versions[0]!);
});
