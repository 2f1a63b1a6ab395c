/** A disk in a registry is an image as any other, and costs what is missing. */
import { assert, assertEquals } from "@std/assert";
import { runProcess } from "../../../lib/base/process_group.ts";
import { pullDisk, pushDisk } from "../../../tasks/disk/disk.ts";
import { inspectDisk } from "../../../tasks/disk/inspect.ts";
import { syncImage } from "../../../tasks/image/image.ts";
import { noise } from "../../support/disk.ts";
import { first, second } from "../../support/disk_data.ts";
import { DiskProxy } from "../../support/disk_proxy.ts";
import { DiskWorld } from "../../support/disk_world.ts";
import { realTest } from "../../support/real.ts";
import { startRegistry } from "../../support/registry.ts";

realTest(
  "a disk lives as one tag of docker-registry, and a dry run foresees the requests",
  ["docker-registry"],
  async () => {
    await using world = await DiskWorld.make();
    await using registry = await startRegistry();
    await using proxy = new DiskProxy(registry.host);
    const reference = `docker://${proxy.host}/acme/disk:1`;
    const [here, there] = [world.machine(), world.machine()];
    const file = await world.write("disk", first);
    const plan = await pushDisk({ file, reference }, { ...here, dryRun: true });
    const push = await pushDisk({ file, reference }, here);
    assertEquals(plan.requests, push.requests);
    const foreseen = await pullDisk({ reference, file: world.path("out") }, {
      ...there,
      dryRun: true,
    });
    const pull = await pullDisk({ reference, file: world.path("out") }, there);
    await world.holds("out", first);
    assertEquals({ ...foreseen, dryRun: false }, pull);

    await world.write("disk", second);
    const before = proxy.requests.length;
    const change = await pushDisk({ file, reference }, here);
    assertEquals(proxy.requests.length - before, change.requests);
    assert(change.bytesMoved < push.bytesMoved / 5);
    await pullDisk({ reference, file: world.path("out") }, there);
    await world.holds("out", second);
    const unchanged = await pullDisk({ reference, file: world.path("out") }, there);
    assertEquals([unchanged.changed, unchanged.requests, unchanged.bytesMoved], [false, 1, 0]);
  },
);

realTest("packs of a disk in another registry come along", ["docker-registry"], async () => {
  await using world = await DiskWorld.make();
  await using registry = await startRegistry();
  await using other = await startRegistry();
  const base = `docker://${registry.host}/acme/disk:1`;
  const reference = `docker://${other.host}/acme/disk:1`;
  await pushDisk({ file: await world.write("disk", first), reference: base }, world.machine());
  const file = await world.write("second", second);
  const options = { file, reference, bases: [base] };
  const plan = await pushDisk(options, { ...world.machine(), dryRun: true });
  const push = await pushDisk(options, world.machine());
  assertEquals(plan.requests, push.requests);
  assert(push.bytesMoved <= plan.bytesMoved && push.bytesMoved > 3_000_000);
  await pullDisk({ reference, file: world.path("out") }, world.machine());
  await world.holds("out", second);
});

realTest(
  "skopeo and syncImage() copy a disk as any image, missing packs only",
  ["docker-registry", "skopeo"],
  async () => {
    await using world = await DiskWorld.make();
    await using registry = await startRegistry();
    const from = `docker://${registry.host}/acme/disk:1`;
    const here = world.machine();
    const file = await world.write("disk", first);
    const pushed = await pushDisk({ file, reference: from }, here);
    const skopeo = await runProcess("skopeo", {
      args: [
        "copy",
        "--src-tls-verify=false",
        "--dest-tls-verify=false",
        from,
        `docker://${registry.host}/by/skopeo:1`,
      ],
    });
    assertEquals(skopeo.code, 0, skopeo.stderr);
    const copied = await inspectDisk(
      { reference: `docker://${registry.host}/by/skopeo:1` },
      world.machine(),
    );
    assertEquals(copied.digest, pushed.digest!);

    const to = `oci:${world.path("layout")}:1`;
    await syncImage({ from, to }, here);
    await world.write("disk", second);
    await pushDisk({ file, reference: from }, here);
    const sync = await syncImage({ from, to }, here);
    assert(sync.bytesMoved < 400_000, String(sync.bytesMoved));
    await pullDisk({ reference: to, file: world.path("out") }, world.machine());
    await world.holds("out", second);
  },
);

realTest(
  "a registry without ranges gives whole packs, and it is said",
  ["docker-registry"],
  async () => {
    await using world = await DiskWorld.make();
    await using registry = await startRegistry();
    await using proxy = new DiskProxy(registry.host, { ranges: false });
    const file = await world.write("disk", first);
    await pushDisk({ file, reference: `docker://${registry.host}/acme/disk:1` }, world.machine());
    const reference = `docker://${proxy.host}/acme/disk:1`;
    const there = world.machine();
    await pullDisk({ reference, file: world.path("out") }, there);
    await world.holds("out", first);
    assert(world.notes.some((note) => note.includes("gives no ranges")));
    // The packs are in the cache now.
    await Deno.remove(world.path("out"));
    const again = await pullDisk({ reference, file: world.path("out") }, there);
    await world.holds("out", first);
    assertEquals(again.bytesMoved, 0);
  },
);

realTest("of an index only the pages that changed are fetched", ["docker-registry"], async () => {
  await using world = await DiskWorld.make();
  await using registry = await startRegistry();
  const reference = `docker://${registry.host}/acme/disk:1`;
  const [here, there] = [world.machine(), world.machine()];
  const data = noise(110_000_000, 8);
  const file = await world.write("disk", data);
  const options = { file, reference, chunker: "fixed", chunkBytes: 8192 } as const;
  await pushDisk(options, here);
  await pullDisk({ reference, file: world.path("out") }, there);
  const { indexBytes } = await inspectDisk({ reference }, there);
  data[109_000_000]! ^= 1;
  await world.write("disk", data);
  await pushDisk(options, here);
  const pull = await pullDisk({ reference, file: world.path("out") }, there);
  await world.holds("out", data);
  assert(pull.bytesMoved < indexBytes / 3, `${pull.bytesMoved} with an index of ${indexBytes}`);
});
