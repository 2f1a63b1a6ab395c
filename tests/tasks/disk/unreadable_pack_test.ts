/** Packs that cannot be read where they should be: the reason is told. @module */
import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { KedgeError, VerificationError } from "../../../lib/base/errors.ts";
import { pullDisk, pushDisk } from "../../../tasks/disk/disk.ts";
import { noise } from "../../support/disk.ts";
import { DiskProxy } from "../../support/disk_proxy.ts";
import { DiskWorld } from "../../support/disk_world.ts";
import { FakeRegistry } from "../../support/fake_registry.ts";

const data = noise(3_000_000);

/** Runs while a pack of the cache cannot be opened. */
async function whileUnreadable<T>(work: () => Promise<T>): Promise<T> {
  const { open } = Deno;
  Deno.open = async (path, options) => {
    const file = await open(path, options);
    const isBlob = String(path).includes("/blobs-v1/sha256/") && options?.write !== true;
    if (!isBlob || (await file.stat()).size < 1_000_000) return file;
    file.close();
    throw Object.assign(new Error("Too many open files (os error 24)"), { code: "EMFILE" });
  };
  try {
    return await work();
  } finally {
    Deno.open = open;
  }
}

Deno.test("pullDisk() tells why a pack of the cache cannot be read, and fetches it", async () => {
  await using world = await DiskWorld.make();
  await using registry = new FakeRegistry();
  const reference = `docker://${registry.host}/acme/disk:1`;
  await pushDisk({ file: await world.write("disk", data), reference }, world.machine());
  registry.quirks.add("ignore-range");
  const here = world.machine();
  await pullDisk({ reference, file: world.path("one") }, here);
  registry.quirks.clear();
  await Deno.remove(world.path("one"));
  await whileUnreadable(() => pullDisk({ reference, file: world.path("out") }, here));
  await world.holds("out", data);
  assertStringIncludes(
    world.notes.join("\n"),
    "is of no use any more: Too many open files (os error 24); the pack is fetched",
  );
});

Deno.test("pullDisk() tells why a pack that it brought whole cannot be read", async () => {
  await using world = await DiskWorld.make();
  await using registry = new FakeRegistry({ quirks: ["ignore-range"] });
  const reference = `docker://${registry.host}/acme/disk:1`;
  await pushDisk({ file: await world.write("disk", data), reference }, world.machine());
  const error = await assertRejects(
    () => whileUnreadable(() => pullDisk({ reference, file: world.path("out") }, world.machine())),
    KedgeError,
    "Cannot read the pack ",
  );
  assert(error.message.endsWith(": Too many open files (os error 24)"), error.message);
  assertEquals((error.cause as { code?: string }).code, "EMFILE");
});

for (const kind of ["cut short", "all but empty"]) {
  Deno.test(`pullDisk() says of a pack that is ${kind} in its registry how much of it is there`, async () => {
    await using world = await DiskWorld.make();
    await using registry = new FakeRegistry();
    await using proxy = new DiskProxy(registry.host);
    const reference = `docker://${proxy.host}/acme/disk:1`;
    await pushDisk({ file: await world.write("disk", data), reference }, world.machine());
    const left = kind === "cut short" ? 2_000_000 : 100;
    let lost = "";
    for (const [digest, bytes] of registry.store.blobs) {
      if (bytes.length < 1_000_000) continue;
      lost = digest;
      registry.store.blobs.set(digest, bytes.slice(0, left));
    }
    const error = await assertRejects(
      () => pullDisk({ reference, file: world.path("out") }, world.machine()),
      VerificationError,
    );
    assertEquals(
      [error.message, error.hint],
      [
        `Cannot read "${reference}": the registry has lost a part of ${lost}: it has ${left} of ` +
        `${data.length} bytes`,
        "push the disk again with --paranoid, which sends what is lost",
      ],
    );
    assertEquals(world.notes.filter((note) => note.includes("ranges")), []);
    await pushDisk({ file: world.path("disk"), reference, paranoid: true }, world.machine());
    await pullDisk({ reference, file: world.path("out") }, world.machine());
    await world.holds("out", data);
  });
}
