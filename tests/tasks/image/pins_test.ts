/** Tags that the lockfile pins: the first use, every later one, updates and frozen lockfiles. */
import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { sha256 } from "../../../lib/base/digest.ts";
import { UsageError, VerificationError } from "../../../lib/base/errors.ts";
import { Cache } from "../../../lib/cache/cache.ts";
import { Lockfile } from "../../../lib/cache/lockfile.ts";
import type { Refresh } from "../../../lib/cache/refresh.ts";
import { syncImage } from "../../../tasks/image/image.ts";
import { writeIndex } from "../../support/layout.ts";
import { runKedge } from "../../support/program.ts";
import { PinRoom } from "../../support/pin_room.ts";

Deno.test("syncImage() pins what a tag meant at its first use, and copies that ever after", async () => {
  await using room = await PinRoom.make();
  const first = await room.push("v1", "old");
  assertEquals((await room.sync()).digest, first);
  assertEquals(await room.pins(), { v1: first });
  const pin = await new Lockfile(room.lockfile).pinned(`image ${room.repository}:v1`);
  const size = room.registry.store.repository("team/vm").manifests.get(first)!.bytes.byteLength;
  assertEquals([pin?.size, Number.isNaN(Date.parse(pin?.date ?? ""))], [size, false]);

  const second = await room.push("v1", "new");
  assertEquals(room.notes, []);
  await Deno.remove(`${room.folder}/to`, { recursive: true });
  room.asked();
  const { digest, requests } = await room.sync();
  assertEquals(digest, first);
  const asked = room.asked();
  // Beside what the run asks, which the dry run foretold: its own look at the manifest, and that at the tag.
  assertEquals(asked.length, 1 + 1 + requests, asked.join("\n"));
  // The dry run looks at the tag, to say that it moved.
  assertEquals(asked.filter((each) => each.endsWith("/manifests/v1")), [
    "HEAD /v2/team/vm/manifests/v1",
  ]);
  assertEquals(room.notes, [
    `${room.repository}:v1 points to ${second} now, and "${room.lockfile}" pins ${first}; ` +
    `--update=${room.repository}:v1 follows it`,
  ]);
  assertEquals(await room.pins(), { v1: first });
});

Deno.test("syncImage() asks the registry nothing where the destination has what is pinned", async () => {
  await using room = await PinRoom.make();
  const first = await room.push("v1", "old");
  await room.sync({}, { pin: false });
  assertEquals(await room.pins(), {});
  assertEquals((await room.sync()).changed, false);
  assertEquals(await room.pins(), { v1: first });
  await room.push("v1", "new");
  room.asked();
  const { changed, requests, digest } = await syncImage(
    { from: `${room.repository}:v1`, to: `oci:${room.folder}/to:v1`, pin: true },
    room.context(),
  );
  assertEquals([changed, requests, digest, room.asked()], [false, 0, first, []]);
});

Deno.test("syncImage() pins an index whole, whatever platform of it was wanted", async () => {
  await using room = await PinRoom.make();
  const made = `${room.folder}/made`;
  const arm = { os: "linux", architecture: "arm64" };
  const index = await writeIndex(made, "v1", [{ layers: ["a"] }, { layers: ["b"], platform: arm }]);
  const ctx = { cache: new Cache(`${room.folder}/other`) };
  await syncImage(
    { from: `oci:${made}:v1`, to: `${room.repository}:v1`, allPlatforms: true },
    ctx,
  );
  const one = await room.sync({}, { platforms: ["linux/amd64"] });
  const other = await room.sync({}, { platforms: ["linux/arm64"] });
  assertEquals([one.digest === other.digest, await room.pins()], [false, { v1: index.digest }]);
});

Deno.test("syncImage() follows a tag that an update names, and pins it anew once it is copied", async () => {
  await using room = await PinRoom.make();
  let held = await room.push("v1", "0");
  await room.sync();
  const names = [
    `${room.repository}:v1`,
    `image ${room.repository}:v1`,
    room.repository,
    room.repository.slice("docker://".length),
    "v1",
    "image",
  ];
  for (const [at, update] of (["all", ...names.map((name) => [name])] as Refresh[]).entries()) {
    const next = await room.push("v1", `${at + 1}`);
    assertEquals((await room.sync({ update: ["v2", "kexec"] })).digest, held);
    assertEquals(await room.pins(), { v1: held });
    assertEquals((await room.sync({ update })).digest, next);
    assertEquals(await room.pins(), { v1: next });
    held = next;
  }
});

Deno.test("syncImage() neither pins nor moves a pin where the copy fails", async () => {
  await using room = await PinRoom.make();
  const damage = (layer: string) => room.registry.store.blobs.set(sha256(layer), new Uint8Array(3));
  const first = await room.push("v1", "old");
  damage("old");
  const run = (how: { update?: Refresh } = {}) =>
    syncImage(
      { from: `${room.repository}:v1`, to: `oci:${room.folder}/to:v1`, pin: true },
      room.context(how),
    );
  await assertRejects(() => run(), VerificationError);
  assertEquals(await room.pins(), {});
  room.registry.store.blobs.set(sha256("old"), new TextEncoder().encode("old"));
  await run();
  assertEquals(await room.pins(), { v1: first });
  await room.push("v1", "new");
  damage("new");
  await assertRejects(() => run({ update: "all" }), VerificationError);
  assertEquals(await room.pins(), { v1: first });
});

Deno.test("syncImage() with a frozen lockfile copies what it holds, and asks for nothing else", async () => {
  await using room = await PinRoom.make();
  const first = await room.push("v1", "old");
  room.asked();
  const error = await assertRejects(
    () => room.sync({ frozen: true }),
    UsageError,
    `Cannot use "image ${room.repository}:v1"`,
  );
  assertStringIncludes(error.hint ?? "", "--frozen");
  assertEquals(room.asked(), []);
  await room.sync();
  await room.push("v1", "new");
  assertEquals((await room.sync({ frozen: true })).digest, first);
});

Deno.test("image:sync --pin uses the lockfile of --lock, or that beside the task file", async () => {
  await using room = await PinRoom.make();
  const first = await room.push("v1", "old");
  const cacheDir = `${room.folder}/cache`;
  const args = ["image:sync", `${room.repository}:v1`, `oci:${room.folder}/to:v1`, "--pin"];
  const without = await runKedge(args, { cacheDir });
  assertEquals(without.code, 2, without.stderr);
  assertStringIncludes(without.stderr, "Cannot pin images: there is no lockfile");
  assertStringIncludes(without.stderr, "--lock");
  const first_use = await runKedge([...args, "--lock", room.lockfile], { cacheDir });
  assertEquals(first_use.code, 0, first_use.stderr);
  const second = await room.push("v1", "new");
  const program = `${room.folder}/tasks.ts`;
  const root = new URL("../../../", import.meta.url).href;
  await Deno.writeTextFile(
    program,
    `import { main, syncImage, task } from ${JSON.stringify(`${root}mod.ts`)};
    const options = { from: ${JSON.stringify(args[1])}, to: ${JSON.stringify(args[2])}, pin: true };
    const image = task({ name: "image", description: "x", run: (ctx) => syncImage(options, ctx) });
    await main({ image });`,
  );
  const held = await runKedge(["image", "--frozen"], { cacheDir, program });
  assertEquals(held.code, 0, held.stderr);
  assertEquals(await room.pins(), { v1: first });
  const update = await runKedge(["image", "--update=v1"], { cacheDir, program });
  assertEquals(update.code, 0, update.stderr);
  assertEquals(await room.pins(), { v1: second });
});
