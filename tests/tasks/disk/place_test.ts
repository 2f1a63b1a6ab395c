/** What stands already where a pull works: other people's links and pipes, and files that are not anybody's to read. @module */
import { assertEquals, assertStringIncludes } from "@std/assert";
import { lookAt } from "../../../lib/base/files.ts";
import { Layout } from "../../../lib/oci/layout/layout.ts";
import type { OperationEvent } from "../../../lib/operation/event.ts";
import { pullDisk, pushDisk } from "../../../tasks/disk/disk.ts";
import { join, noise } from "../../support/disk.ts";
import { DiskWorld } from "../../support/disk_world.ts";
import { runKedge } from "../../support/program.ts";
import { putTart, tartImage } from "../../support/tart.ts";
import { realTest } from "../../support/real.ts";

const data = noise(2_000_000);
const turned = join(data.subarray(1_000_000), data.subarray(0, 1_000_000));
const victim = data.slice(0, 1_500_000).fill(7, 0, 5);

/** A disk and a Tart image of the same data, and the names of their unfinished versions. */
async function twoDisks(world: DiskWorld): Promise<{ reference: string; partial: string }[]> {
  const reference = `oci:${world.path("store")}`;
  const file = await world.write("disk", data);
  await pushDisk({ file, reference: `${reference}:disk` }, world.machine());
  await putTart(world.path("store"), "tart", tartImage(data, 300_000));
  return await Promise.all(["disk", "tart"].map(async (tag) => {
    const { digest } = (await new Layout(world.path("store")).find(tag))!;
    return {
      reference: `${reference}:${tag}`,
      partial: world.path(`.out.${digest.slice(7)}.kedge-partial`),
    };
  }));
}

Deno.test("pullDisk() writes through no link that stands where it works", async () => {
  await using world = await DiskWorld.make();
  const other = await world.write("other", victim);
  for (const { reference, partial } of await twoDisks(world)) {
    await Deno.symlink(other, partial);
    const file = world.path("out");
    await pullDisk({ reference, file }, world.machine());
    await world.holds("out", data);
    assertEquals((await Deno.lstat(file)).isFile, true);
    await world.holds("other", victim);
    await Deno.remove(file);
  }
});

Deno.test("pullDisk() in place saves what it moves through no link", async () => {
  await using world = await DiskWorld.make();
  const [disk] = await twoDisks(world);
  const other = await world.write("other", victim);
  const file = await world.write("out", turned);
  for (const name of ["saved", "saved.next"]) {
    await Deno.symlink(other, world.path(`.out.kedge-${name}`));
  }
  await pullDisk({ reference: disk!.reference, file, inPlace: true }, world.machine());
  await world.holds("out", data);
  await world.holds("other", victim);
});

Deno.test({
  name: "pullDisk() waits for no pipe that stands where it works",
  ignore: Deno.build.os === "windows",
  fn: async () => {
    await using world = await DiskWorld.make();
    for (const { reference, partial } of await twoDisks(world)) {
      for (const at of [partial, world.path(".out.kedge-saved")]) {
        assertEquals((await new Deno.Command("mkfifo", { args: [at] }).output()).code, 0);
      }
      await pullDisk({ reference, file: world.path("out") }, world.machine());
      await world.holds("out", data);
      await Deno.remove(world.path("out"));
    }
  },
});

realTest("pullDisk() makes no file of what somebody else began in a folder that is open to all", [
  "root",
], async () => {
  await using world = await DiskWorld.make();
  await Deno.chmod(world.folder, 0o1777);
  const other = async (name: string) => {
    await Deno.writeFile(name, data);
    await Deno.chown(name, 1234, 1234);
  };
  const file = world.path("out");
  const disks = await twoDisks(world);
  for (const { reference, partial } of disks) {
    await other(partial);
    const pull = await pullDisk({ reference, file }, world.machine());
    await world.holds("out", data);
    assertEquals([(await Deno.stat(file)).uid, pull.bytesReused], [0, 0]);
    await Deno.remove(file);
  }
  await world.write("out", turned);
  await other(world.path(".out.kedge-saved"));
  let uid: number | null | undefined;
  const report = (event: OperationEvent) => {
    const moved = event.type === "phase-start" && event.phase === "verify";
    if (moved) uid = Deno.statSync(world.path(".out.kedge-saved")).uid;
  };
  const { reference } = disks[0]!;
  await pullDisk({ reference, file, inPlace: true }, { ...world.machine(), report });
  await world.holds("out", data);
  assertEquals(uid, 0);
});

realTest("pullDisk() leaves a disk that stands alone, whatever somebody else began beside it", [
  "root",
], async () => {
  await using world = await DiskWorld.make();
  await Deno.chmod(world.folder, 0o1777);
  const file = await world.write("out", data);
  const journal = world.path(".out.kedge-journal");
  const others = [journal, `${journal}.tmp-7-0123abcd`, world.path(".out.kedge-saved")];
  for (const path of others) {
    await Deno.writeFile(path, data);
    await Deno.chown(path, 1234, 1234);
  }
  for (const { reference } of await twoDisks(world)) {
    for (const inPlace of [false, true]) {
      const { changed } = await pullDisk({ reference, file, inPlace }, world.machine());
      assertEquals([changed, ...others.map((path) => lookAt(path)?.uid)], [
        false,
        1234,
        1234,
        1234,
      ]);
    }
  }
});

realTest("pullDisk() keeps a file that was for its owner alone so, also while it is pulled", [
  "root",
], async () => {
  await using world = await DiskWorld.make();
  const file = await world.write("out", turned);
  await Deno.chmod(file, 0o600);
  await Deno.chown(file, 1234, 1235);
  const facts = (info: Deno.FileInfo) => [info.uid, info.gid, info.mode! & 0o777];
  for (const { reference, partial } of await twoDisks(world)) {
    let mode: number | undefined;
    const report = (event: OperationEvent) => {
      const moved = event.type === "phase-start" && event.phase === "verify";
      if (moved) mode = Deno.statSync(partial).mode! & 0o777;
    };
    await Deno.truncate(file, 100);
    await pullDisk({ reference, file }, { ...world.machine(), report });
    await world.holds("out", data);
    assertEquals(mode, 0o600);
    assertEquals(facts(await Deno.stat(file)), [1234, 1235, 0o600]);
  }
  await world.write("out", turned);
  let mode: number | undefined;
  const report = (event: OperationEvent) => {
    const moved = event.type === "phase-start" && event.phase === "verify";
    if (moved) mode = Deno.statSync(world.path(".out.kedge-saved")).mode! & 0o777;
  };
  const reference = `oci:${world.path("store")}:disk`;
  await pullDisk({ reference, file, inPlace: true }, { ...world.machine(), report });
  assertEquals(mode, 0o600);
});

realTest(
  "disk:pull replaces a file that nobody may write to, and keeps it so",
  ["bound"],
  async () => {
    await using world = await DiskWorld.make();
    const file = await world.write("out", turned);
    await Deno.chmod(file, 0o440);
    const options = { cacheDir: world.path("cache"), bound: true };
    for (const { reference } of await twoDisks(world)) {
      const { code, stderr } = await runKedge(["disk:pull", reference, file], options);
      assertEquals(code, 0, stderr);
      await world.holds("out", data);
      assertEquals((await Deno.stat(file)).mode! & 0o777, 0o440);
    }
  },
);

realTest(
  "disk:pull says so where it may not leave a file to its owner",
  ["root", "bound"],
  async () => {
    await using world = await DiskWorld.make();
    const [disk] = await twoDisks(world);
    const file = await world.write("out", turned);
    await Deno.chown(file, 1234, 1235);
    const options = { cacheDir: world.path("cache"), bound: true };
    const { code, stderr } = await runKedge(["disk:pull", disk!.reference, file], options);
    assertEquals(code, 0, stderr);
    assertStringIncludes(stderr, "warning: the file belonged to 1234:1235, and belongs to 0:0 now");
    await world.holds("out", data);
  },
);
