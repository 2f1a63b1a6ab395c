/** Packs that are there already: in other repositories, of other registries, under other tags. */
import { assert, assertEquals } from "@std/assert";
import { pullDisk, pushDisk } from "../../../tasks/disk/disk.ts";
import { first, second } from "../../support/disk_data.ts";
import { FakeRegistry } from "../../support/fake_registry.ts";
import { DiskWorld } from "../../support/disk_world.ts";
import { realTest } from "../../support/real.ts";
import { startRegistry } from "../../support/registry.ts";

realTest("packs are mounted across repositories", ["docker-registry"], async () => {
  await using world = await DiskWorld.make();
  await using registry = await startRegistry();
  const base = `docker://${registry.host}/acme/disk:1`;
  const reference = `docker://${registry.host}/other/disk:1`;
  await pushDisk({ file: await world.write("disk", first), reference: base }, world.machine());
  const push = await pushDisk(
    { file: await world.write("second", second), reference, bases: [base] },
    world.machine(),
  );
  assert(push.bytesMoved < 300_000, String(push.bytesMoved));
  assert(
    (await registry.accesses()).some((line) => line.includes("mount=") && line.endsWith("201")),
  );
  await pullDisk({ reference, file: world.path("out") }, world.machine());
  await world.holds("out", second);
});

for (const quirk of ["no-mount", "mount-refused", undefined] as const) {
  const lends = quirk === undefined;
  Deno.test(`pushDisk() plans with packs that a registry ${lends ? "lends" : `does not lend (${quirk})`}`, async () => {
    await using world = await DiskWorld.make();
    await using registry = new FakeRegistry({ quirks: quirk === undefined ? [] : [quirk] });
    const base = `docker://${registry.host}/acme/disk:1`;
    const machine = world.machine();
    await pushDisk({ file: await world.write("disk", first), reference: base }, machine);
    const file = await world.write("second", second);
    const again = async (tag: string) => {
      const options = {
        file,
        reference: `docker://${registry.host}/other/disk:${tag}`,
        bases: [base],
      };
      const plan = await pushDisk(options, { ...machine, dryRun: true });
      const push = await pushDisk(options, machine);
      assert(push.bytesMoved <= plan.bytesMoved, `${push.bytesMoved} > ${plan.bytesMoved}`);
      assert(push.requests <= plan.requests, `${push.requests} > ${plan.requests}`);
      return plan.bytesMoved;
    };
    const [before, after] = [await again("1"), await again("2")];
    assertEquals([before > 3_000_000, after > 3_000_000], [true, !lends]);
  });
}

Deno.test("pushDisk() does not take what one registry lends for what another does", async () => {
  await using world = await DiskWorld.make();
  const machine = world.machine();
  const file = await world.write("second", second);
  const push = async (registry: FakeRegistry) => {
    const base = `docker://${registry.host}/acme/disk:1`;
    await pushDisk({ file: await world.write("disk", first), reference: base }, machine);
    const options = { file, reference: `docker://${registry.host}/other/disk:1`, bases: [base] };
    const plan = await pushDisk(options, { ...machine, dryRun: true });
    const { bytesMoved } = await pushDisk(options, machine);
    assert(bytesMoved <= plan.bytesMoved, `${bytesMoved} > ${plan.bytesMoved}`);
  };
  await using lending = new FakeRegistry();
  await push(lending);
  await using refusing = new FakeRegistry({ quirks: ["no-mount"] });
  await push(refusing);
});

realTest(
  "a new tag names the packs of another tag of the repository",
  ["docker-registry"],
  async () => {
    await using world = await DiskWorld.make();
    await using registry = await startRegistry();
    const here = world.machine();
    const tag = (name: string) => `docker://${registry.host}/acme/disk:${name}`;
    await pushDisk({ file: await world.write("disk", first), reference: tag("1") }, here);
    const push = await pushDisk(
      { file: await world.write("second", second), reference: tag("2") },
      here,
    );
    assert(push.bytesMoved < 300_000, String(push.bytesMoved));
    await pullDisk({ reference: tag("2"), file: world.path("out") }, world.machine());
    await world.holds("out", second);
  },
);

realTest(
  "a push into a layout foresees that the packs of a base of a registry are there already",
  ["docker-registry"],
  async () => {
    await using world = await DiskWorld.make();
    await using registry = await startRegistry();
    const base = `docker://${registry.host}/acme/disk:1`;
    const file = await world.write("disk", first);
    const layout = (tag: string) => `oci:${world.path("store")}:${tag}`;
    await pushDisk({ file, reference: base }, world.machine());
    await pushDisk({ file, reference: layout("1"), bases: [base] }, world.machine());
    const options = { file, reference: layout("2"), bases: [base] };
    const plan = await pushDisk(options, { ...world.machine(), dryRun: true });
    const push = await pushDisk(options, world.machine());
    assertEquals([plan.bytesMoved, plan.requests], [push.bytesMoved, push.requests]);
    assert(push.bytesMoved < 10_000, String(push.bytesMoved));
    await pullDisk({ reference: layout("2"), file: world.path("out") }, world.machine());
    await world.holds("out", first);
  },
);
