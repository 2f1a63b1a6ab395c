/** What dry runs of the disk tasks find that keeps the run from writing; they write nothing for it. */
import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { NoRoomError, NotAllowedError } from "../../../lib/base/errors.ts";
import { Cache } from "../../../lib/cache/cache.ts";
import { pullDisk, pushDisk } from "../../../tasks/disk/disk.ts";
import { noise } from "../../support/disk.ts";
import { DiskWorld } from "../../support/disk_world.ts";
import { runKedge } from "../../support/program.ts";
import { realTest } from "../../support/real.ts";
import { fillDisk, mountSmallDisk, unmount } from "../../support/small_disk.ts";
import { twoDisks } from "../../support/two_disks.ts";

const data = noise(2_000_000);

realTest("a dry run of disk:pull finds that there is no room", ["root"], async () => {
  await using world = await DiskWorld.make();
  const references = await twoDisks(world, data);
  await using _small = await mountSmallDisk(world.path("small"), 1_000_000);
  for (const reference of references) {
    for (const dryRun of [true, false]) {
      const file = world.path("small/out");
      await assertRejects(
        () => pullDisk({ reference, file }, { ...world.machine(), dryRun }),
        NoRoomError,
        ` to "${file}": only `,
      );
    }
  }
  assertEquals(await Array.fromAsync(Deno.readDir(world.path("small"))), []);
});

realTest("a dry run of disk:push finds that a layout has no room for what it is sure to get", [
  "root",
], async () => {
  await using world = await DiskWorld.make();
  const file = await world.write("disk", data);
  await using _small = await mountSmallDisk(world.path("small"), 1_000_000);
  const names = async () =>
    (await Array.fromAsync(Deno.readDir(world.path("small")))).map(({ name }) => name);
  const reference = `oci:${world.path("small/store")}:1`;
  const here = world.machine();
  const push = (dryRun: boolean) => pushDisk({ file, reference }, { ...here, dryRun });
  await push(true);
  assertStringIncludes(world.notes.join("\n"), "unless it can be compressed");
  assertEquals(await names(), []);
  // What the packs come to is known once they are made.
  await assertRejects(() => push(false), NoRoomError, "no room is left");
  for (const dryRun of [true, false]) {
    await assertRejects(() => push(dryRun), NoRoomError, "are free");
  }
  await Deno.remove(world.path("small/store"), { recursive: true });
  await world.write("small/rest", new Uint8Array(1_003_520));
  for (const dryRun of [true, false]) {
    const fresh = { ...world.machine(), dryRun };
    await assertRejects(() => pushDisk({ file, reference }, fresh), NoRoomError, "only 0 B");
  }
  assertEquals(await names(), ["rest"]);
});

realTest("a dry run of disk:push finds that the cache has no room for the packs to be made", [
  "root",
], async () => {
  await using world = await DiskWorld.make();
  const file = await world.write("disk", data);
  await using _small = await mountSmallDisk(world.path("small"), 1_000_000);
  const reference = `oci:${world.path("store")}:1`;
  const cache = new Cache(world.path("small/cache"));
  const push = (dryRun: boolean) =>
    pushDisk({ file, reference }, { ...world.machine(), cache, dryRun });
  await push(true);
  const told = world.notes.find((note) => note.endsWith("unless it can be compressed"));
  assertStringIncludes(told ?? "", `Cannot write 1.9 MiB to "${cache.dir}": only `);
  await assertRejects(() => push(false), NoRoomError, "no room is left");
  await fillDisk(world.path("small/fill"));
  for (const dryRun of [true, false]) {
    await assertRejects(() => push(dryRun), NoRoomError, "only 0 B are free");
  }
  await pushDisk({ file, reference }, world.machine());
  assertEquals((await push(true)).changed, false);
});

realTest("disk:pull refuses no file system for its room that has no size", ["root"], async () => {
  await using world = await DiskWorld.make();
  const references = await twoDisks(world, data);
  await using _open = await mountSmallDisk(world.path("open"), 0);
  for (const reference of references) {
    for (const dryRun of [true, false]) {
      await pullDisk({ reference, file: world.path("open/out") }, { ...world.machine(), dryRun });
    }
    await world.holds("open/out", data);
    await Deno.remove(world.path("open/out"));
  }
});

realTest("a dry run of disk:pull and disk:push finds a file system that is mounted to be read", [
  "root",
], async () => {
  await using world = await DiskWorld.make();
  const references = await twoDisks(world, data);
  await Deno.mkdir(world.path("closed"));
  const mount = async (...args: string[]) =>
    assertEquals((await new Deno.Command("mount", { args }).output()).code, 0);
  await mount("-t", "tmpfs", "-o", "size=9000000", "tmpfs", world.path("closed"));
  try {
    // Written by a program of its own: what this process writes, one that another test starts may hold open for a moment.
    for (const [name, bytes] of [["old", data.toReversed()], ["same", data]] as const) {
      const args = [await world.write(name, bytes), world.path(`closed/${name}`)];
      assertEquals((await new Deno.Command("cp", { args }).output()).code, 0);
    }
    await mount("-o", "remount,ro", world.path("closed"));
    const refused = async (run: () => Promise<unknown>) => {
      const error = await assertRejects(run, NotAllowedError);
      assertStringIncludes(error.message.toLowerCase(), "read-only file system");
    };
    for (const dryRun of [true, false]) {
      const machine = () => ({ ...world.machine(), dryRun });
      for (const reference of references) {
        const pull = (name: string, inPlace: boolean) =>
          pullDisk({ reference, file: world.path(`closed/${name}`), inPlace }, machine());
        await refused(() => pull("new", false));
        await refused(() => pull("old", false));
        await refused(() => pull("old", true));
        assertEquals((await pull("same", true)).changed, false);
      }
      const to = `oci:${world.path("closed/store")}:1`;
      await refused(() => pushDisk({ file: world.path("disk"), reference: to }, machine()));
    }
  } finally {
    await unmount(world.path("closed"));
  }
});

realTest(
  "a dry run of disk:pull and disk:push finds folders and files that this user may not write",
  ["bound"],
  async () => {
    await using world = await DiskWorld.make();
    const [reference = ""] = await twoDisks(world, data);
    await Deno.mkdir(world.path("closed"));
    await world.write("closed/old", data.toReversed());
    await Deno.chmod(world.path("closed/old"), 0o444);
    await Deno.chmod(world.path("closed"), 0o555);
    for (
      const args of [
        ["disk:pull", reference, world.path("closed/new")],
        ["disk:pull", reference, world.path("closed/old")],
        ["disk:pull", "--in-place", reference, world.path("closed/old")],
        ["disk:push", world.path("disk"), `oci:${world.path("closed/store")}:1`],
      ]
    ) {
      for (const more of [["--dry-run"], []]) {
        const run = await runKedge([...args, ...more], {
          cacheDir: world.path("cache"),
          bound: true,
        });
        assertEquals(run.code, 5, run.stderr);
        assertStringIncludes(run.stderr.toLowerCase(), "permission denied");
        assertStringIncludes(run.stderr, "hint: run it as a user who may");
      }
    }
    await Deno.chmod(world.path("closed"), 0o755);
    const names = (await Array.fromAsync(Deno.readDir(world.path("closed")))).map((e) => e.name);
    assertEquals(names, ["old"]);
  },
);

realTest("a dry run of disk:pull finds that a journal may not be written", ["bound"], async () => {
  await using world = await DiskWorld.make();
  const [chunked = "", tart = ""] = await twoDisks(world, data);
  await Deno.mkdir(world.path("closed"));
  for (const name of ["old", "other"]) {
    await world.write(`closed/${name}`, data.toReversed());
  }
  await Deno.chmod(world.path("closed"), 0o555);
  const pull = (reference: string, name: string, ...more: string[]) =>
    runKedge(["disk:pull", "--in-place", reference, world.path(`closed/${name}`), ...more], {
      cacheDir: world.path("cache"),
      bound: true,
    });
  for (const more of [["--dry-run"], []]) {
    const run = await pull(chunked, "old", ...more);
    assertEquals(run.code, 5, `${more}: ${run.stderr}`);
    assertStringIncludes(run.stderr.toLowerCase(), "permission denied");
  }
  // A Tart image has no journal.
  for (const more of [["--dry-run"], []]) {
    const run = await pull(tart, "other", ...more);
    assertEquals(run.code, 0, run.stderr);
  }
  assertEquals(await Deno.readFile(world.path("closed/other")), data);
  await Deno.chmod(world.path("closed"), 0o755);
});
