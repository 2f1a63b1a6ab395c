/** Pins that cannot be made, followed or believed, and what is said of them. */
import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { KedgeError, UsageError, VerificationError } from "../../../lib/base/errors.ts";
import { Lockfile } from "../../../lib/cache/lockfile.ts";
import { syncImage } from "../../../tasks/image/image.ts";
import { syncImages } from "../../../tasks/image/list.ts";
import { PinRoom } from "../../support/pin_room.ts";

Deno.test("syncImage() pins no reference that names a digest, and a tag by its normal form", async () => {
  await using room = await PinRoom.make();
  const first = await room.push("latest", "old");
  const pinned = `${room.repository}@${first}`;
  assertEquals((await room.sync({ frozen: true }, { from: pinned })).digest, first);
  assertEquals(await room.pins(), {});
  const upper = room.repository.replace("127.0.0.1", "LOCALHOST");
  await room.sync({}, { from: upper });
  const lockfile = new Lockfile(room.lockfile);
  const name = `${room.repository.replace("127.0.0.1", "localhost")}:latest`;
  assertEquals((await lockfile.pinned(`image ${name}`))?.digest, first);
});

Deno.test("syncImage() says what to do where the registry has no longer what is pinned", async () => {
  await using room = await PinRoom.make();
  const first = await room.push("v1", "old");
  await room.sync();
  const second = await room.push("v1", "new");
  const { manifests, tags } = room.registry.store.repository("team/vm");
  manifests.delete(first);
  // What is there already needs no registry.
  assertEquals((await room.sync()).changed, false);
  const options = { to: `oci:${room.folder}/elsewhere:v1` };
  for (const mirrors of [undefined, [`${room.registry.host}=${room.registry.host}/mirror`]]) {
    const error = await assertRejects(
      () => room.sync({}, { ...options, mirrors }),
      KedgeError,
      `Cannot find "${room.repository}:v1": "${room.lockfile}" pins ${first}, and the registry has none`,
    );
    assertStringIncludes(error.hint ?? "", `--update=${room.repository}:v1`);
  }
  assertEquals((await room.sync({ update: "all" }, options)).digest, second);
  tags.delete("v1");
  room.notes.length = 0;
  assertEquals((await room.sync({}, options)).digest, second);
  assertEquals(room.notes, [
    `${room.repository}:v1 is gone, and "${room.lockfile}" pins ${second}`,
  ]);
});

Deno.test("syncImage() refuses a lockfile with a malformed digest of an image before it asks anybody", async () => {
  await using room = await PinRoom.make();
  await room.push("v1", "old");
  room.asked();
  const hex = "0".repeat(64);
  for (const digest of ["sha256:1", `sha512:${hex}`, `SHA256:${hex}`, hex, "../../v2", 7, null]) {
    const pins = { [`image ${room.repository}:v1`]: { digest } };
    await Deno.writeTextFile(room.lockfile, JSON.stringify({ version: 1, pins }));
    const run = () =>
      syncImage(
        { from: `${room.repository}:v1`, to: `oci:${room.folder}/to:v1`, pin: true },
        room.context(),
      );
    await assertRejects(run, UsageError, `"digest" of "image ${room.repository}:v1"`);
  }
  assertEquals(room.asked(), []);
});

Deno.test("syncImage() takes no manifest of another digest for what is pinned", async () => {
  await using room = await PinRoom.make();
  const first = await room.push("v1", "old");
  await room.sync();
  const second = await room.push("v1", "new");
  const { manifests } = room.registry.store.repository("team/vm");
  manifests.set(first, manifests.get(second)!);
  await assertRejects(
    () => room.sync({}, { to: `oci:${room.folder}/elsewhere:v1` }),
    VerificationError,
  );
});

Deno.test("syncImage() pins tags of registries alone, and only with a lockfile", async () => {
  await using room = await PinRoom.make();
  await room.push("v1", "old");
  room.asked();
  await assertRejects(
    () => room.sync({}, { from: `oci:${room.folder}/made:v1` }),
    UsageError,
    "it is not a tag of a registry",
  );
  const { lockfile: _none, ...context } = room.context();
  const images = [{ from: room.repository, to: `oci:${room.folder}/to`, tags: ".*" }];
  for (
    const run of [
      () => syncImage({ from: `${room.repository}:v1`, to: images[0]!.to, pin: true }, context),
      () => syncImages({ images, pin: true }, context),
    ]
  ) {
    const error = await assertRejects(run, UsageError, "Cannot pin images: there is no lockfile");
    assertStringIncludes(error.hint ?? "", "--lock");
  }
  assertEquals(room.asked(), []);
});
