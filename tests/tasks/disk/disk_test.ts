import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { NoRoomError, UsageError, VerificationError } from "../../../lib/base/errors.ts";
import { pullDisk, pushDisk, verifyDisk } from "../../../tasks/disk/disk.ts";
import { diffDisks, inspectDisk } from "../../../tasks/disk/inspect.ts";
import { sha256 } from "../../../lib/base/digest.ts";
import { dataBytes } from "../../../lib/chunk/chunk_table.ts";
import { chunkerFor } from "../../../lib/chunk/chunker.ts";
import { setDigest } from "../../../lib/chunk/digest_column.ts";
import { TableBuilder } from "../../../lib/chunk/table_builder.ts";
import { fileState, keepTable, rememberFile } from "../../../lib/disk/known_files.ts";
import { Layout } from "../../../lib/oci/layout/layout.ts";
import type { TaskContextOptions } from "../../../lib/runner/context.ts";
import { edited, join, noise, rawIndex, tableOf } from "../../support/disk.ts";
import { DiskWorld, putDisk } from "../../support/disk_world.ts";
import { canMount, mountSmallDisk } from "../../support/small_disk.ts";

const text = new TextEncoder().encode("a line of text that compresses well\n".repeat(40_000));
const first = join(noise(3_000_000), new Uint8Array(1_000_000), text, noise(2_000_000, 2));

Deno.test("a pushed disk is pulled elsewhere, byte for byte, and sparse", async () => {
  await using world = await DiskWorld.make();
  const reference = `oci:${world.path("store")}:1`;
  const file = await world.write("disk", first);
  const pushed = await pushDisk({ file, reference }, world.machine());
  assert(pushed.changed);
  const out = world.path("out");
  const pulled = await pullDisk({ reference, file: out }, world.machine());
  await world.holds("out", first);
  assertEquals(pulled.digest, pushed.digest);
  assertEquals(pulled.reference, pushed.reference);
  assertEquals(pulled.sizeBytes, first.length);
  assert((await Deno.stat(out)).blocks! * 512 < first.length - 500_000);
});

for (const chunker of ["fixed", "cdc"] as const) {
  Deno.test(`a ${chunker} push of the same bytes gives the same digest, and a second one moves nothing`, async () => {
    await using world = await DiskWorld.make();
    const file = await world.write("disk", first);
    const options = { file, chunker };
    const one = await pushDisk(
      { ...options, reference: `oci:${world.path("a")}:1` },
      world.machine(),
    );
    const reference = `oci:${world.path("b")}:1`;
    const two = await pushDisk({ ...options, reference }, world.machine());
    assertEquals(one.digest, two.digest);
    const again = await pushDisk({ ...options, reference }, world.machine());
    assertEquals([again.changed, again.digest], [false, one.digest]);
  });
}

Deno.test("push and pull cost what changed", async () => {
  await using world = await DiskWorld.make();
  const reference = `oci:${world.path("store")}:1`;
  const [here, there] = [world.machine(), world.machine()];
  const file = await world.write("disk", first);
  const options = { file, reference, chunker: "cdc" } as const;
  const full = await pushDisk(options, here);
  await pullDisk({ reference, file: world.path("out") }, there);

  const second = edited(first, 100, 5_000_000);
  await world.write("disk", second);
  const planned = await pushDisk(options, { ...here, dryRun: true });
  const push = await pushDisk(options, here);
  assert(push.bytesMoved < full.bytesMoved / 8, `${push.bytesMoved} of ${full.bytesMoved}`);
  assert(planned.bytesMoved >= push.bytesMoved);
  assertEquals(planned.requests, push.requests);
  assertEquals(planned.why, push.why);

  const foreseen = await pullDisk({ reference, file: world.path("out") }, {
    ...there,
    dryRun: true,
  });
  const pull = await pullDisk({ reference, file: world.path("out") }, there);
  await world.holds("out", second);
  assert(pull.bytesMoved < full.bytesMoved / 8, `${pull.bytesMoved} of ${full.bytesMoved}`);
  assertEquals({ ...foreseen, dryRun: false }, pull);
  assertStringIncludes(pull.why, "2 of ");

  const unchanged = await pullDisk({ reference, file: world.path("out") }, there);
  assertEquals([unchanged.changed, unchanged.bytesMoved], [false, 0]);
});

Deno.test("a byte inserted at the front moves one chunk of content", async () => {
  await using world = await DiskWorld.make();
  const reference = `oci:${world.path("store")}:1`;
  const machine = world.machine();
  const file = await world.write("disk", first);
  await pushDisk({ file, reference, chunker: "cdc" }, machine);
  await pullDisk({ reference, file: world.path("out") }, world.machine());
  const second = join(new Uint8Array([1]), first);
  await world.write("disk", second);
  await pushDisk({ file, reference }, machine);
  // A machine that never saw the first version cuts the file that stands there itself.
  const pull = await pullDisk({ reference, file: world.path("out") }, world.machine());
  await world.holds("out", second);
  assert(pull.bytesMoved < 300_000, String(pull.bytesMoved));
});

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

Deno.test("pushDisk() need not read a file that was pulled a moment ago, unless it was written since", async () => {
  await using world = await DiskWorld.make();
  const reference = `oci:${world.path("store")}:1`;
  await pushDisk({ file: await world.write("disk", first), reference }, world.machine());
  const machine = world.machine();
  const out = world.path("out");
  await pullDisk({ reference, file: out }, machine);
  const push = () => pushDisk({ file: out, reference }, machine);
  assertStringIncludes((await push()).why, "was not read");
  {
    using file = await Deno.open(out, { write: true });
    await file.write(Uint8Array.of(first[0]! ^ 1));
  }
  assert((await push()).changed);
});

Deno.test("pullDisk() takes chunks from named bases and from files that the cache knows", async () => {
  await using world = await DiskWorld.make();
  const reference = `oci:${world.path("store")}:1`;
  const here = world.machine();
  const file = await world.write("disk", first);
  await pushDisk({ file, reference }, here);
  const known = await pullDisk({ reference, file: world.path("out") }, here);
  await world.holds("out", first);
  assertEquals(known.bytesMoved, 0);

  const half = await world.write("half", first.subarray(0, 4_000_000));
  const other = await world.write("other", first.subarray(65_536 * 60));
  const pull = await pullDisk(
    { reference, file: world.path("third"), bases: [half, other] },
    world.machine(),
  );
  await world.holds("third", first);
  assert(pull.bytesMoved < 100_000, String(pull.bytesMoved));
});

Deno.test("pullDisk() notices a base that changed after it was cut", async () => {
  await using world = await DiskWorld.make();
  const reference = `oci:${world.path("store")}:1`;
  const here = world.machine();
  const file = await world.write("disk", first);
  await pushDisk({ file, reference }, here);
  const { atime, mtime } = await Deno.stat(file);
  // Same size, inode and mtime, other bytes: what a file system that lies would show.
  using handle = await Deno.open(file, { write: true });
  await handle.write(new Uint8Array(1000));
  await Deno.utime(file, atime!, mtime!);
  await pullDisk({ reference, file: world.path("out") }, here);
  await world.holds("out", first);
});

Deno.test("pushDisk() reads a file again whose mtime was set back, and with paranoid always", async () => {
  await using world = await DiskWorld.make();
  const reference = `oci:${world.path("store")}:1`;
  const here = world.machine();
  const file = await world.write("disk", first);
  const old = new Date(Date.now() - 60_000);
  await Deno.utime(file, old, old);
  await pushDisk({ file, reference }, here);
  await Deno.writeFile(file, edited(first, 9));
  await Deno.utime(file, old, old);
  const push = await pushDisk({ file, reference }, here);
  assert(push.changed);
  const paranoid = await pushDisk({ file, reference, paranoid: true }, here);
  assertEquals(paranoid.changed, false);
  assert(!paranoid.why.includes("was not read"));
});

Deno.test("verifyDisk() tells what is wrong, and repair fetches that alone", async () => {
  await using world = await DiskWorld.make();
  const reference = `oci:${world.path("store")}:1`;
  const file = await world.write("disk", first);
  await pushDisk({ file, reference, chunker: "fixed" }, world.machine());
  const good = await verifyDisk({ reference, file }, world.machine());
  assertEquals([good.changed, good.sizeBytes], [false, first.length]);

  const out = await world.write("out", edited(first, 70_000, 3_500_000));
  const error = await assertRejects(
    () => verifyDisk({ reference, file: out }, world.machine()),
    VerificationError,
    "2 of its parts",
  );
  assertEquals((error.data["wrong"] as unknown[])[0], {
    offset: 65_536,
    length: 65_536,
  });
  const repaired = await verifyDisk({ reference, file: out, repair: true }, world.machine());
  await world.holds("out", first);
  assert(repaired.bytesMoved < 100_000, String(repaired.bytesMoved));
  await assertRejects(
    () => verifyDisk({ reference, file: world.path("none") }, world.machine()),
    UsageError,
  );
});

Deno.test("inspectDisk() shows the waste that edits leave, and repack sheds it", async () => {
  await using world = await DiskWorld.make();
  const reference = `oci:${world.path("store")}:1`;
  const here = world.machine();
  const file = await world.write("disk", first);
  const fresh = await pushDisk({ file, reference, chunker: "fixed" }, here);
  assertEquals((await inspectDisk({ reference }, here)).wasteBytes, 0);
  await world.write("disk", edited(first, 100, 200_000));
  const second = await pushDisk({ file, reference }, here);
  const shape = await inspectDisk({ reference }, here);
  assertEquals([shape.packs, shape.wasteBytes], [2, 131_072]);
  const diff = await diffDisks({ from: fresh.reference, to: second.reference }, here);
  assertEquals([diff.newChunks, diff.newBytes, diff.sameChunker], [2, 131_072, true]);

  await pushDisk({ file, reference, repack: true }, here);
  const packed = await inspectDisk({ reference }, here);
  assertEquals([packed.packs, packed.wasteBytes], [1, 0]);
  await pullDisk({ reference, file: world.path("out") }, world.machine());
  await world.holds("out", edited(first, 100, 200_000));
});

Deno.test("pushDisk() names packs of another disk, which is linked or copied into the layout", async () => {
  await using world = await DiskWorld.make();
  const base = `oci:${world.path("a")}:1`;
  const reference = `oci:${world.path("b")}:1`;
  await pushDisk({ file: await world.write("disk", first), reference: base }, world.machine());
  const second = edited(first, 42);
  const file = await world.write("second", second);
  const push = await pushDisk({ file, reference, bases: [base] }, world.machine());
  assert(push.bytesMoved < 100_000, String(push.bytesMoved));
  await pullDisk({ reference, file: world.path("out") }, world.machine());
  await world.holds("out", second);
});

Deno.test("an empty file, a single byte and a file of zeros go there and back", async () => {
  await using world = await DiskWorld.make();
  for (const data of [new Uint8Array(0), new Uint8Array([7]), new Uint8Array(3_000_000)]) {
    const reference = `oci:${world.path("store")}:n${data.length}`;
    const file = await world.write("disk", data);
    for (const chunker of ["fixed", "cdc"] as const) {
      await pushDisk({ file, reference, chunker, repack: true }, world.machine());
      await pullDisk({ reference, file: world.path("out") }, world.machine());
      await world.holds("out", data);
      await Deno.remove(world.path("out"));
    }
  }
});

Deno.test("pullDisk() refuses a folder, a device, a missing folder, and a base that is none", async () => {
  await using world = await DiskWorld.make();
  const reference = `oci:${world.path("store")}:1`;
  await pushDisk({ file: await world.write("disk", first), reference }, world.machine());
  const refuse = (file: string, state: string, bases: string[] = []) =>
    assertRejects(() => pullDisk({ reference, file, bases }, world.machine()), UsageError, state);
  await refuse(world.folder, "it is a folder");
  await refuse("/dev/null", "it is a device");
  await refuse(world.path("no/such/file"), "is not there");
  await refuse(world.path("out"), "it is no file", [world.path("nothing")]);
});

Deno.test("pullDisk() writes what a link leads to, also where nothing is there yet, and keeps the link", async () => {
  await using world = await DiskWorld.make();
  const reference = `oci:${world.path("store")}:1`;
  await pushDisk({ file: await world.write("disk", first), reference }, world.machine());
  await Deno.mkdir(world.path("volume"));
  await Deno.symlink("volume/far", world.path("near"));
  await Deno.symlink(world.path("near"), world.path("volume/link"));
  for (const inPlace of [false, true]) {
    await pullDisk({ reference, file: world.path("volume/link"), inPlace }, world.machine());
    await world.holds("volume/far", first);
    assert((await Deno.lstat(world.path("near"))).isSymlink);
    await Deno.writeFile(world.path("volume/far"), noise(5000));
  }
  await Deno.symlink("nowhere/far", world.path("lost"));
  await assertRejects(
    () => pullDisk({ reference, file: world.path("lost") }, world.machine()),
    UsageError,
    "is not there",
  );
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

Deno.test("the disk tasks refuse bad options", async () => {
  await using world = await DiskWorld.make();
  const file = await world.write("disk", first);
  const reference = `oci:${world.path("store")}:1`;
  const refuse = (options: object, state: string) =>
    assertRejects(
      () => pushDisk({ file, reference, ...options }, world.machine()),
      UsageError,
      state,
    );
  await refuse({ chunkBytes: 1000 }, "Cannot cut into chunks of 1000 bytes");
  await refuse({ level: 0 }, "Cannot compress with level 0");
  await refuse({ concurrency: 0 }, "Cannot use 0 as concurrency");
  await refuse({ file: world.folder }, "it is a folder");
  await refuse({ file: world.path("none") }, "it is not there");
  await refuse({ reference: "nowhere" }, "Cannot read the reference");
  await refuse({ reference: `${reference}@sha256:${"0".repeat(64)}` }, "it names a digest");
  await refuse({ chunker: "rabin" }, "it is auto, fixed or cdc");
  await refuse(
    { repack: true, bases: [reference] },
    "it is to be packed afresh, and to name packs",
  );
  await assertRejects(
    () =>
      pullDisk({ reference: "docker://127.0.0.1:1/x", file }, {
        ...world.machine(),
        offline: true,
      }),
    UsageError,
    "offline",
  );
});

Deno.test("the disk tasks refuse options of another type by their names", async () => {
  await using world = await DiskWorld.make();
  const file = await world.write("disk", first);
  const reference = `oci:${world.path("store")}:1`;
  await pushDisk({ file, reference }, world.machine());
  const tasks: [(options: never, ctx: TaskContextOptions) => Promise<unknown>, object, string[]][] =
    [
      [pullDisk, { reference, file }, ["bases", "inPlace", "concurrency"]],
      [pushDisk, { reference, file }, ["bases", "repack", "paranoid", "level", "chunkBytes"]],
      [verifyDisk, { reference, file }, ["repair"]],
      [inspectDisk, { reference }, []],
      [diffDisks, { from: reference, to: reference }, []],
    ];
  for (const [task, good, more] of tasks) {
    const refuse = (options: unknown, state: string) =>
      assertRejects(() => task(options as never, world.machine()), UsageError, state);
    for (const name of Object.keys(good)) {
      await refuse({ ...good, [name]: undefined }, `Cannot use undefined as ${name}: it must be`);
      await refuse(
        { ...good, [name]: ["x"] },
        `Cannot use such a list as ${name}: it must be a text`,
      );
      await refuse({ ...good, [name]: "a\0b" }, `Cannot use "a\\u0000b" as ${name}: it must be`);
    }
    for (const name of [...more, "insecureRegistries"]) {
      await refuse({ ...good, [name]: "no" }, `Cannot use "no" as ${name}: it must be`);
      await refuse({ ...good, [name]: [7] }, `Cannot use such a list as ${name}: it must be`);
      await task({ ...good, [name]: undefined } as never, world.machine());
    }
    for (const options of [undefined, null, "x"]) {
      await refuse(options, `Cannot use ${Deno.inspect(options)} as options: they must be`);
    }
  }
});

Deno.test("a sparse file of 200 MiB with little data takes little room", async () => {
  await using world = await DiskWorld.make();
  const reference = `oci:${world.path("store")}:1`;
  const file = await world.write("disk", noise(100_000));
  await Deno.truncate(file, 200 * 2 ** 20);
  await pushDisk({ file, reference }, world.machine());
  const pull = await pullDisk({ reference, file: world.path("out") }, world.machine());
  const { size, blocks } = await Deno.stat(world.path("out"));
  assertEquals([size, pull.sizeBytes], [200 * 2 ** 20, 200 * 2 ** 20]);
  assert(blocks! * 512 < 500_000, String(blocks));
});

Deno.test({
  name:
    "pullDisk() in place finds out that there is no room for what moves before it writes anything",
  ignore: !canMount,
  fn: async () => {
    await using world = await DiskWorld.make();
    const reference = `oci:${world.path("store")}:1`;
    const second = join(first.subarray(4_000_000), noise(50_000, 9), first.subarray(0, 4_000_000));
    const file = await world.write("disk", second);
    await pushDisk({ file, reference, chunker: "cdc" }, world.machine());
    await using small = await mountSmallDisk(world.path("small"), 9_000_000);
    const out = await world.write("small/out", first);
    await assertRejects(
      () => pullDisk({ reference, file: out, inPlace: true }, world.machine()),
      NoRoomError,
      "are free",
    );
    await world.holds("small/out", first);
    const names = (await Array.fromAsync(Deno.readDir(small.dir))).map(({ name }) => name);
    assertEquals(names, ["out"]);
  },
});

Deno.test({
  name: "pullDisk() in place finds out that there is no room for what a file has holes for",
  ignore: !canMount,
  fn: async () => {
    await using world = await DiskWorld.make();
    const reference = `oci:${world.path("store")}:1`;
    await pushDisk({ file: await world.write("disk", first), reference }, world.machine());
    await using small = await mountSmallDisk(world.path("small"), 4_000_000);
    const out = await world.write("small/out", new Uint8Array());
    await Deno.truncate(out, first.length);
    await assertRejects(
      () => pullDisk({ reference, file: out, inPlace: true }, world.machine()),
      NoRoomError,
      "are free",
    );
    assertEquals((await Deno.stat(out)).blocks, 0);
    const names = (await Array.fromAsync(Deno.readDir(small.dir))).map(({ name }) => name);
    assertEquals(names, ["out"]);
  },
});

for (const inPlace of [false, true]) {
  const where = inPlace ? "in place" : "beside";
  Deno.test(`pullDisk() ${where} clears away what an earlier pull left, also where the disk stands already`, async () => {
    await using world = await DiskWorld.make();
    const reference = `oci:${world.path("store")}:1`;
    await pushDisk({ file: await world.write("disk", first), reference }, world.machine());
    const out = await world.write("out", first);
    const partial = `.out.${"0".repeat(64)}.kedge-partial`;
    const journal = ".out.kedge-journal";
    const saved = ".out.kedge-saved";
    const lefts = [journal, `${journal}.tmp-7-0123abcd`, saved, `${saved}.next`, partial];
    for (const left of lefts) {
      await world.write(left, noise(1000));
      await pullDisk({ reference, file: out, inPlace }, world.machine());
      await world.holds("out", first);
    }
  });
}

Deno.test("pullDisk() finds out that there is no room before it writes anything", async () => {
  await using world = await DiskWorld.make();
  const reference = `oci:${world.path("store")}:1`;
  const block = noise(4 * 2 ** 20);
  const chunker = chunkerFor("fixed", 0, block.length);
  const builder = new TableBuilder(chunker);
  const column = new Uint8Array(32);
  setDigest(column, 0, sha256(block));
  for (let row = 0; row < 2 ** 20; row++) builder.chunk(column, 0, block.length);
  const index = rawIndex(builder.table());
  setDigest(index.packDigests, 0, sha256(block));
  await putDisk(new Layout(world.path("store")), "1", index, [block]);
  await assertRejects(
    () => pullDisk({ reference, file: world.path("out") }, world.machine()),
    NoRoomError,
    "only",
  );
  assertEquals(await world.names(), ["cache0", "store"]);
});
