import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { VerificationError } from "../../../lib/base/errors.ts";
import { Layout } from "../../../lib/oci/layout/layout.ts";
import { pullDisk, pushDisk } from "../../../tasks/disk/disk.ts";
import { edited, join, noise } from "../../support/disk.ts";
import { text } from "../../support/disk_data.ts";
import { DiskProxy } from "../../support/disk_proxy.ts";
import { DiskWorld, pushTwice } from "../../support/disk_world.ts";
import { realTest } from "../../support/real.ts";
import { startRegistry } from "../../support/registry.ts";

const first = join(noise(60_000_000, 21), text, noise(30_000_000, 22));

realTest(
  "disk:push --repack sends only the packs that come out otherwise than they are in the registry",
  ["docker-registry"],
  async () => {
    await using world = await DiskWorld.make();
    await using registry = await startRegistry();
    await using proxy = new DiskProxy(registry.host);
    const reference = `docker://${proxy.host}/acme/disk:1`;
    const file = await world.write("disk", first);
    const options = { file, reference, chunker: "fixed", repack: true } as const;
    const fresh = await pushDisk(options, world.machine());
    proxy.requests.length = 0;

    const same = await pushTwice(options, world.machine());
    assertEquals([same.changed, same.digest], [false, fresh.digest]);
    assertEquals([proxy.count("POST", ""), proxy.count("PUT", "")], [0, 0]);
    assertStringIncludes(same.why, "packed afresh, 2 of 2 packs are there already");

    const second = edited(first, 80_000_000);
    await world.write("disk", second);
    const push = await pushTwice(options, world.machine());
    assert(push.bytesMoved < 45_000_000, String(push.bytesMoved));
    assertStringIncludes(push.why, "1 of 2 packs are there already");
    const elsewhere = { ...options, reference: `oci:${world.path("store")}:1` };
    assertEquals(push.digest, (await pushDisk(elsewhere, world.machine())).digest);
    await pullDisk({ reference, file: world.path("out") }, world.machine());
    await world.holds("out", second);
  },
);

Deno.test("disk:push --repack makes packs anew of which the level is another", async () => {
  await using world = await DiskWorld.make();
  const file = await world.write("disk", join(text, noise(100_000)));
  const options = { file, reference: `oci:${world.path("store")}:1`, repack: true };
  await pushDisk({ ...options, level: 1 }, world.machine());
  const push = await pushTwice({ ...options, level: 19 }, world.machine());
  assert(push.changed);
  assertStringIncludes(push.why, "0 of 1 packs are there");
  const alone = { ...options, reference: `oci:${world.path("other")}:1`, level: 19 };
  assertEquals(push.digest, (await pushDisk(alone, world.machine())).digest);
});

for (const harm of ["damaged", "gone"]) {
  Deno.test(`disk:push --repack mends a pack of a layout that is ${harm}`, async () => {
    await using world = await DiskWorld.make();
    const data = noise(3_000_000);
    const file = await world.write("disk", data);
    const reference = `oci:${world.path("store")}:1`;
    const options = { file, reference, repack: true };
    await pushDisk(options, world.machine());
    for await (const { name } of Deno.readDir(world.path("store/blobs/sha256"))) {
      const path = world.path(`store/blobs/sha256/${name}`);
      const { size } = await Deno.stat(path);
      if (size < 1_000_000) continue;
      if (harm === "gone") await Deno.remove(path);
      else await Deno.writeFile(path, new Uint8Array(size));
    }
    await pushDisk(options, world.machine());
    await pullDisk({ reference, file: world.path("out") }, world.machine());
    await world.holds("out", data);
  });
}

Deno.test("pullDisk() says how to mend a disk of which a pack is damaged where it is stored", async () => {
  await using world = await DiskWorld.make();
  const reference = `oci:${world.path("store")}:1`;
  const disk = await world.write("disk", first);
  const { digest } = await pushDisk({ file: disk, reference }, world.machine());
  const layout = new Layout(world.path("store"));
  const pack = layout.blobPath((await layout.manifest(digest!))!.blobs[2]!.digest);
  await Deno.writeFile(pack, edited(await Deno.readFile(pack), 3_000_000));
  const file = world.path("out");
  const error = await assertRejects(
    () => pullDisk({ reference, file }, world.machine()),
    VerificationError,
    "Cannot use the pack",
  );
  assertEquals(
    error.hint,
    "remove this blob from where the disk is stored, and push the disk again with --repack",
  );
  await Deno.remove(pack);
  await pushDisk({ file: disk, reference, repack: true }, world.machine());
  await pullDisk({ reference, file }, world.machine());
  await world.holds("out", first);
});
