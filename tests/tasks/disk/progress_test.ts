import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import type { OperationEvent } from "../../../lib/operation/event.ts";
import { pullDisk, pushDisk } from "../../../tasks/disk/disk.ts";
import { noise } from "../../support/disk.ts";
import { DiskProxy } from "../../support/disk_proxy.ts";
import { DiskWorld } from "../../support/disk_world.ts";
import { realTest } from "../../support/real.ts";
import { layersOf, startRegistry } from "../../support/registry.ts";

type Progress = Extract<OperationEvent, { type: "progress" }>;

/** A machine, and how far its operations were in the phase `move`. */
function watched(world: DiskWorld) {
  const moves: Progress[] = [];
  const report = (event: OperationEvent) => {
    if (event.type === "progress" && event.phase === "move") moves.push(event);
    if (event.type === "note") world.notes.push(event.message);
  };
  return { machine: { ...world.machine(), report }, moves };
}

Deno.test("pushDisk() has less to move once it knows what its packs come to, and one time that is left", async () => {
  await using world = await DiskWorld.make();
  const reference = `oci:${world.path("store")}:1`;
  const text = new TextEncoder().encode("a line that packs well\n").slice(0, 16);
  const data = new Uint8Array(4_000_000).map((_, at) => text[at % 16]! ^ (at >> 16));
  const file = await world.write("disk", data);
  const { machine, moves } = watched(world);
  const plan = await pushDisk({ file, reference }, { ...machine, dryRun: true });
  const push = await pushDisk({ file, reference }, machine);
  const last = moves.at(-1)!;
  assertEquals([last.bytesMoved, last.leftMs], [push.bytesMoved, 0]);
  assert(last.bytesToMove >= last.bytesMoved);
  assert(last.bytesToMove < plan.bytesMoved / 10, `${last.bytesToMove} of ${plan.bytesMoved}`);
  assertEquals(world.notes.filter((note) => note.includes("left")), []);
});

Deno.test("pullDisk() knows that nothing is left once all is written and proven", async () => {
  await using world = await DiskWorld.make();
  const reference = `oci:${world.path("store")}:1`;
  const file = await world.write("disk", noise(4_000_000));
  await pushDisk({ file, reference }, world.machine());
  const { machine, moves } = watched(world);
  const out = world.path("out");
  await pullDisk({ reference, file: out }, machine);
  await world.write("disk", noise(4_000_000).fill(0, 100_000, 300_000));
  await pushDisk({ file, reference, paranoid: true }, world.machine());
  await pullDisk({ reference, file: out, inPlace: true }, machine);
  assertEquals(moves.at(-1)!.leftMs, 0);
});

realTest("the sums of disk:push and disk:pull tell the requests that were sent", [
  "docker-registry",
], async () => {
  await using world = await DiskWorld.make();
  await using registry = await startRegistry();
  await using proxy = new DiskProxy(registry.host, { mostOfRange: 100_000 });
  const reference = `docker://${proxy.host}/acme/disk:1`;
  const file = await world.write("disk", noise(2_000_000));
  const sums = () => world.notes.filter((note) => / in \d+ requests/.test(note));
  const asked = (pattern: RegExp) => proxy.requests.filter((line) => pattern.test(line)).length;
  await pushDisk({ file, reference }, world.machine());
  const [pack] = (await layersOf(registry.url, "acme/disk", "1")).slice(1);
  // The upload of the pack, of which the registry names the place: all but what follows it, and the look at what is there.
  const uploads = proxy.requests.findIndex((line) => line.startsWith("PUT")) + 1 -
    proxy.requests.findIndex((line) => line.startsWith("POST"));
  assertStringIncludes(sums()[0]!, `sent in ${uploads} requests`);
  proxy.requests.length = 0;
  await pullDisk({ reference, file: world.path("out") }, world.machine());
  const ranges = asked(new RegExp(`^GET .*${pack}`));
  assert(ranges > 10, String(ranges));
  assertStringIncludes(sums()[1]!, `fetched in ${ranges} requests`);
});
