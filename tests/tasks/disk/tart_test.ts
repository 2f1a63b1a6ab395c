import { assert, assertEquals, assertRejects } from "@std/assert";
import { sha256 } from "../../../lib/base/digest.ts";
import { NoRoomError, VerificationError } from "../../../lib/base/errors.ts";
import { pullDisk, verifyDisk } from "../../../tasks/disk/disk.ts";
import { inspectDisk } from "../../../tasks/disk/inspect.ts";
import { join, noise } from "../../support/disk.ts";
import { DiskWorld } from "../../support/disk_world.ts";
import { mountSmallDisk } from "../../support/small_disk.ts";
import { putTart, type TartImage, tartImage } from "../../support/tart.ts";
import { realTest } from "../../support/real.ts";

const layerBytes = 300_000;
const text = new TextEncoder().encode("tart ".repeat(50_000));
const first = join(noise(310_000), text, new Uint8Array(400_000), noise(40_000, 2));

const put = (world: DiskWorld, image: TartImage) => putTart(world.path("store"), "1", image);

Deno.test("pullDisk() pulls a Tart image, layer by layer, verified and sparse", async () => {
  await using world = await DiskWorld.make();
  const reference = await put(world, tartImage(first, layerBytes));
  const there = world.machine();
  const pull = await pullDisk({ reference, file: world.path("out") }, there);
  await world.holds("out", first);
  assert(pull.bytesMoved < first.length / 2);
  assert((await Deno.stat(world.path("out"))).blocks! * 512 < first.length - 200_000);
  const sum = /^(.*) of \1 fetched in 4 parts .*, 977 KiB of 977 KiB written, 0 B reused$/;
  assert(world.notes.some((note) => sum.test(note)), String(world.notes));
  const again = await pullDisk({ reference, file: world.path("out") }, there);
  assertEquals([again.changed, again.bytesMoved], [false, 0]);
  await verifyDisk({ reference, file: world.path("out") }, there);
  for (const inPlace of [false, true]) {
    await world.write(`.out.${"0".repeat(64)}.kedge-partial`, noise(1000));
    const clear = await pullDisk({ reference, file: world.path("out"), inPlace }, there);
    await world.holds("out", first);
    assertEquals(clear.bytesMoved, 0);
  }
});

Deno.test("inspectDisk() says what a Tart image is good for, since it has no chunks to tell of", async () => {
  await using world = await DiskWorld.make();
  const reference = await put(world, tartImage(first, layerBytes));
  const error = await assertRejects(
    () => inspectDisk({ reference }, world.machine()),
    VerificationError,
    "it is an image of Tart",
  );
  assertEquals(error.hint, "disk:pull and disk:verify read it; it has no chunks");
});

Deno.test("a newer Tart image moves only the layers that changed, from the file or another base", async () => {
  await using world = await DiskWorld.make();
  const old = await put(world, tartImage(first, layerBytes));
  await pullDisk({ reference: old, file: world.path("base") }, world.machine());
  const second = first.slice();
  second.set(new Uint8Array(5000), 320_000); // zeros where the old version has data
  const image = tartImage(second, layerBytes);
  const reference = await put(world, image);
  const layer = image.blobs[3]!.bytes.length;
  for (const inPlace of [false, true]) {
    await Deno.copyFile(world.path("base"), world.path("out"));
    const pull = await pullDisk({ reference, file: world.path("out"), inPlace }, world.machine());
    await world.holds("out", second);
    assertEquals(pull.bytesMoved, layer);
  }
  const based = await pullDisk(
    { reference, file: world.path("new"), bases: [world.path("base")] },
    world.machine(),
  );
  await world.holds("new", second);
  assertEquals(based.bytesMoved, layer);
});

Deno.test("equal layers of a Tart image are fetched once, and not at all where their content is on this machine", async () => {
  await using world = await DiskWorld.make();
  const [one, two] = [noise(layerBytes), noise(layerBytes, 2)];
  const disk = join(one, new Uint8Array(layerBytes), two, one, new Uint8Array(layerBytes), one);
  const image = tartImage(disk, layerBytes);
  const reference = await put(world, image);
  const sizes = [2, 3, 4].map((at) => image.blobs[at]!.bytes.length);
  const bytes = sizes.reduce((sum, size) => sum + size, 0);
  const there = world.machine();
  const plan = await pullDisk({ reference, file: world.path("out") }, { ...there, dryRun: true });
  assertEquals(plan.bytesMoved, bytes);
  const pull = await pullDisk({ reference, file: world.path("out") }, there);
  await world.holds("out", disk);
  assertEquals(pull.bytesMoved, bytes);
  const sum = / fetched in 3 parts .*, 1.7 MiB of 1.7 MiB written, 0 B reused$/;
  assert(world.notes.some((note) => sum.test(note)), String(world.notes));

  for (const inPlace of [false, true]) {
    await world.write("part", join(two, new Uint8Array(layerBytes), new Uint8Array(10), one));
    const based = await pullDisk({ reference, file: world.path("part"), inPlace }, there);
    await world.holds("part", disk);
    assertEquals(based.bytesMoved, sizes[0]! + sizes[2]!);
  }
});

Deno.test("a Tart layer whose content is not what it says never gets the final name", async () => {
  await using world = await DiskWorld.make();
  const image = tartImage(first, layerBytes);
  const lie = new TextDecoder().decode(image.manifest).replace(
    sha256(first.subarray(layerBytes, 2 * layerBytes)),
    sha256("something else"),
  );
  const reference = await put(world, { ...image, manifest: join(new TextEncoder().encode(lie)) });
  const there = world.machine();
  await assertRejects(
    () => pullDisk({ reference, file: world.path("out") }, there),
    VerificationError,
    "its content is not",
  );
  assert(!(await world.names()).includes("out"));

  const good = await put(world, image);
  const pull = await pullDisk({ reference: good, file: world.path("out") }, there);
  await world.holds("out", first);
  assert(pull.bytesReused > 0, "the layers that were right are not fetched again");
});

Deno.test("what is wrong with a Tart layer's bytes is told with the layer and the image", async () => {
  await using world = await DiskWorld.make();
  const image = tartImage(first, layerBytes);
  for (
    const [bytes, state] of [
      [join(new TextEncoder().encode("bv42")), "a block has an unknown magic"],
      [
        join(
          new TextEncoder().encode("bv41"),
          new Uint8Array([9, 0, 0, 0, 4, 0, 0, 0, 16, 1, 2, 0]),
        ),
        "a match begins before the data",
      ],
    ] as const
  ) {
    const { descriptor } = image.blobs[3]!;
    const wrong = { ...descriptor, digest: sha256(bytes), size: bytes.length };
    const manifest = new TextDecoder().decode(image.manifest)
      .replace(JSON.stringify(descriptor), JSON.stringify(wrong));
    const reference = await put(world, {
      manifest: join(new TextEncoder().encode(manifest)),
      blobs: [...image.blobs, { descriptor: wrong, bytes }],
    });
    const error = await assertRejects(
      () => pullDisk({ reference, file: world.path("out") }, world.machine()),
      VerificationError,
      `Cannot unpack the layer ${wrong.digest} of "${reference}": ${state}`,
    );
    assertEquals(error.side, "source");
  }
});

Deno.test("Tart images whose facts contradict each other are refused", async () => {
  await using world = await DiskWorld.make();
  const image = tartImage(first, layerBytes);
  const text = new TextDecoder().decode(image.manifest);
  const refuse = async (from: string | RegExp, to: string, state: string) => {
    const manifest = join(new TextEncoder().encode(text.replace(from, to)));
    assert(sha256(manifest) !== sha256(image.manifest));
    const reference = await put(world, { ...image, manifest });
    await assertRejects(
      () => pullDisk({ reference, file: world.path("out") }, world.machine()),
      VerificationError,
      state,
    );
  };
  await refuse(`"${first.length}"`, `"${first.length + 1}"`, "the manifest says");
  await refuse(`"${layerBytes}"`, `"${layerBytes - 1}"`, "the manifest says");
  for (const said of ["-5", " ", `0x${layerBytes.toString(16)}`, `${layerBytes}.0`]) {
    await refuse(`"${layerBytes}"`, `"${said}"`, "does not say a right uncompressed size");
  }
  await refuse(
    /"org.cirruslabs.tart.uncompressed-content-digest"/,
    `"x"`,
    "does not say the digest",
  );
  await refuse(
    sha256(first.subarray(3 * layerBytes)),
    sha256(first.subarray(0, layerBytes)),
    "two layers of other sizes have the content",
  );
  await refuse("disk.v2", "disk.v1", "disk.v1");
  await refuse(/disk\.v2/g, "nvram.v1", "it has no disk");
});

realTest(
  "pullDisk() of a Tart image asks for no more room than its data takes for sure",
  ["root"],
  async () => {
    await using world = await DiskWorld.make();
    const sparse = join(noise(500_000), new Uint8Array(20_000_000), noise(500_000, 2));
    const reference = await putTart(world.path("store"), "1", tartImage(sparse, 7_000_000));
    await using _small = await mountSmallDisk(world.path("small"), 3_000_000);
    const out = world.path("small/out");
    await pullDisk({ reference, file: out }, world.machine());
    assertEquals(await Deno.readFile(out), sparse);
    const noisy = noise(4_000_000);
    const large = await putTart(world.path("store"), "2", tartImage(noisy, 700_000));
    for (const inPlace of [true, false]) {
      for (const dryRun of [true, false]) {
        const context = { ...world.machine(), dryRun };
        const pull = () => pullDisk({ reference: large, file: out, inPlace }, context);
        await assertRejects(pull, NoRoomError, "are free");
      }
    }
    assertEquals(await Deno.readFile(out), sparse);
    await Deno.truncate(out, 100_000);
    await pullDisk({ reference, file: out, inPlace: true }, world.machine());
    assertEquals(await Deno.readFile(out), sparse);
  },
);
