/** A disk is brought up to date in the file that it is in. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { pullDisk, pushDisk } from "../../../tasks/disk/disk.ts";
import { dataBytes } from "../../../lib/chunk/chunk_table.ts";
import { chunkerFor } from "../../../lib/chunk/chunker.ts";
import { fileState, keepTable, rememberFile } from "../../../lib/disk/known_files.ts";
import { join, noise, tableOf } from "../../support/disk.ts";
import { DiskWorld } from "../../support/disk_world.ts";
import { first } from "../../support/disk_data.ts";

Deno.test("pullDisk() in place takes chunks from places that it overwrites", async () => {
  await using world = await DiskWorld.make();
  const reference = `oci:${world.path("store")}:1`;
  const out = await world.write("out", first);
  const second = join(first.subarray(4_000_000), noise(50_000, 9), first.subarray(0, 4_000_000));
  const file = await world.write("disk", second);
  await pushDisk({ file, reference, chunker: "cdc" }, world.machine());
  const { ino } = await Deno.stat(out);
  const pull = await pullDisk({ reference, file: out, inPlace: true }, world.machine());
  await world.holds("out", second);
  assertEquals((await Deno.stat(out)).ino, ino);
  assert(pull.bytesMoved < 600_000, String(pull.bytesMoved));
  const again = await pullDisk({ reference, file: out, inPlace: true }, world.machine());
  assertEquals(again.changed, false);
});

Deno.test("pullDisk() in place grows, shrinks, and makes holes zero", async () => {
  await using world = await DiskWorld.make();
  const reference = `oci:${world.path("store")}:1`;
  const file = await world.write("disk", first);
  await pushDisk({ file, reference }, world.machine());
  for (const before of [noise(100), noise(first.length + 5000, 4), new Uint8Array(0)]) {
    const out = await world.write("out", before);
    await pullDisk({ reference, file: out, inPlace: true }, world.machine());
    await world.holds("out", first);
  }
});

Deno.test("pullDisk() in place finds a byte that was written into a hole right after the pull before", async () => {
  await using world = await DiskWorld.make();
  const reference = `oci:${world.path("store")}:1`;
  await pushDisk({ file: await world.write("disk", first), reference }, world.machine());
  const machine = world.machine();
  const out = world.path("out");
  await pullDisk({ reference, file: out }, machine);
  {
    using file = await Deno.open(out, { write: true });
    await file.seek(3_500_000, Deno.SeekMode.Start);
    await file.write(Uint8Array.of(1));
  }
  const mended = await pullDisk({ reference, file: out, inPlace: true }, machine);
  assert(mended.changed);
  await world.holds("out", first);
});

for (const certain of [false, true]) {
  const where = certain ? "data" : "data and holes";
  Deno.test(`pullDisk() in place fetches ${where} that changed though size and times say otherwise`, async () => {
    await using world = await DiskWorld.make();
    const reference = `oci:${world.path("store")}:1`;
    const second = first.slice();
    second.set(noise(4096, 77), 1_000_000);
    const file = await world.write("disk", second);
    await pushDisk({ file, reference, chunker: "fixed" }, world.machine());
    const spoiled = first.slice();
    spoiled[500_000]! ^= 1;
    spoiled[4_500_000]! ^= 1;
    if (!certain) spoiled[3_500_000] = 1;
    const out = await world.write("out", spoiled);
    // The cache is sure that this is still the first version.
    const machine = world.machine();
    const cache = machine.cache!;
    const table = tableOf(first, chunkerFor("fixed", first.length));
    await rememberFile(cache, out, await keepTable(cache, table), {
      ...fileState(await Deno.stat(out)),
      certain,
    });
    const plan = await pullDisk({ reference, file: out, inPlace: true }, {
      ...machine,
      dryRun: true,
    });
    assert(plan.bytesMoved < 70_000, String(plan.bytesMoved));
    const pull = await pullDisk({ reference, file: out, inPlace: true }, machine);
    await world.holds("out", second);
    const wrong = certain ? "128 KiB" : "1.1 MiB";
    const said = `${wrong} of ${out} are other bytes than they were`;
    assert(world.notes.some((note) => note.startsWith(said)), String(world.notes));
    assertEquals(pull.bytesReused, dataBytes(table) - 3 * 65_536);
  });
}

Deno.test("pullDisk() in place mends a file that the cache takes for this very disk", async () => {
  await using world = await DiskWorld.make();
  const reference = `oci:${world.path("store")}:1`;
  const file = await world.write("disk", first);
  await pushDisk({ file, reference, chunker: "fixed" }, world.machine());
  const spoiled = first.slice();
  spoiled[500_000]! ^= 1;
  const out = await world.write("out", spoiled);
  const machine = world.machine();
  const cache = machine.cache!;
  const table = await keepTable(cache, tableOf(first, chunkerFor("fixed", first.length)));
  const state = { ...fileState(await Deno.stat(out)), certain: true };
  await rememberFile(cache, out, table, state);
  const pull = await pullDisk({ reference, file: out, inPlace: true }, machine);
  assert(pull.changed);
  await world.holds("out", first);
  const again = await pullDisk({ reference, file: out, inPlace: true }, machine);
  assertEquals([again.changed, again.bytesMoved], [false, 0]);
});

Deno.test("pullDisk() in place refuses a file that another process has locked", async () => {
  await using world = await DiskWorld.make();
  const reference = `oci:${world.path("store")}:1`;
  await pushDisk({ file: await world.write("disk", first), reference }, world.machine());
  const out = await world.write("out", noise(1000));
  const holder = new Deno.Command("flock", {
    args: ["-F", out, "sh", "-c", "echo held; exec sleep 30"],
    stdout: "piped",
    stdin: "null",
  }).spawn();
  try {
    await holder.stdout.getReader().read();
    await assertRejects(
      () => pullDisk({ reference, file: out, inPlace: true }, world.machine()),
      Error,
      "lock",
    );
    await pullDisk({ reference, file: out }, world.machine());
    assert(world.notes.some((note) => note.includes("keeps the old version")));
  } finally {
    holder.kill("SIGKILL");
    await holder.status;
  }
  await world.holds("out", first);
});
