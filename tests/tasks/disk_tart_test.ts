import { assert, assertEquals, assertRejects } from "@std/assert";
import { sha256 } from "../../lib/base/digest.ts";
import { NoRoomError, VerificationError } from "../../lib/base/errors.ts";
import { pullDisk, verifyDisk } from "../../tasks/disk.ts";
import { inspectDisk } from "../../tasks/disk_inspect.ts";
import { join, noise } from "../support/disk.ts";
import { DiskWorld } from "../support/disk_world.ts";
import { canMount, mountSmallDisk } from "../support/small_disk.ts";
import { putTart, tartImage } from "../support/tart.ts";

const layerBytes = 300_000;
const text = new TextEncoder().encode("tart ".repeat(50_000));
const first = join(noise(310_000), text, new Uint8Array(400_000), noise(40_000, 2));

const put = (world: DiskWorld, image: ReturnType<typeof tartImage>) =>
  putTart(world.path("store"), "1", image);

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
  await refuse("disk.v2", "disk.v1", "disk.v1");
  await refuse(/disk\.v2/g, "nvram.v1", "it has no disk");
});

Deno.test({
  name: "pullDisk() of a Tart image asks for no more room than its data takes for sure",
  ignore: !canMount,
  fn: async () => {
    await using world = await DiskWorld.make();
    const sparse = join(noise(500_000), new Uint8Array(20_000_000), noise(500_000, 2));
    const reference = await putTart(world.path("store"), "1", tartImage(sparse, 7_000_000));
    await Deno.mkdir(world.path("small"));
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
});
