/** What a registry or a layout has lost of a disk is sent again by a push that looks for it. @module */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { Layout } from "../../../lib/oci/layout/layout.ts";
import { pullDisk, pushDisk } from "../../../tasks/disk/disk.ts";
import { join, noise } from "../../support/disk.ts";
import { DiskProxy } from "../../support/disk_proxy.ts";
import { DiskWorld, pushTwice } from "../../support/disk_world.ts";
import { realTest } from "../../support/real.ts";
import { layersOf, lose, startRegistry } from "../../support/registry.ts";

const first = join(noise(70_000_000, 31), new Uint8Array(1_000_000), noise(1_000_000, 32));
const second = first.with(100, first[100]! ^ 1);

for (const [what, data] of [["same", first], ["next", second]] as const) {
  realTest(
    `disk:push --paranoid of the ${what} version sends what the registry has lost, and that alone`,
    ["docker-registry"],
    async () => {
      await using world = await DiskWorld.make();
      await using registry = await startRegistry();
      await using proxy = new DiskProxy(registry.host);
      const reference = `docker://${proxy.host}/acme/disk:1`;
      const here = world.machine();
      const options = { file: await world.write("disk", first), reference };
      await pushDisk(options, here);
      const [index, ...packs] = await layersOf(registry.url, "acme/disk", "1");
      assert(packs.length > 1);
      await lose(registry.url, "acme/disk", packs.at(-1)!);
      await world.write("disk", data);
      if (what === "same") {
        proxy.requests.length = 0;
        const quick = await pushDisk(options, here);
        assertEquals([quick.changed, proxy.requests.length], [false, 1]);
      }
      const push = await pushTwice({ ...options, paranoid: true }, here);
      assert(push.changed && push.bytesMoved < 25_000_000, push.why);
      assertStringIncludes(world.notes.join("\n"), `"${reference}" has lost 1 pack`);
      for (const blob of what === "same" ? [index!] : []) {
        await lose(registry.url, "acme/disk", blob);
        const again = await pushTwice({ ...options, paranoid: true }, here);
        assert(again.changed && again.bytesMoved < 100_000, again.why);
      }
      const whole = await pushTwice({ ...options, paranoid: true }, here);
      assertEquals([whole.changed, whole.bytesMoved], [false, 0]);
      await pullDisk({ reference, file: world.path("out") }, world.machine());
      await world.holds("out", data);
    },
  );
}

Deno.test("pushDisk() puts again what a layout has lost of a disk, its index and config too", async () => {
  await using world = await DiskWorld.make();
  const reference = `oci:${world.path("store")}:1`;
  const here = world.machine();
  const data = noise(2_000_000);
  const options = { file: await world.write("disk", data), reference };
  const { digest } = await pushDisk(options, here);
  const layout = new Layout(world.path("store"));
  for (const blob of (await layout.manifest(digest!))!.blobs) {
    await Deno.remove(layout.blobPath(blob.digest));
    const push = await pushTwice(options, here);
    assertEquals([push.changed, push.digest], [true, digest]);
    await Deno.remove(world.path("out")).catch(() => undefined);
    await pullDisk({ reference, file: world.path("out") }, world.machine());
    await world.holds("out", data);
    assertEquals(await layout.has(blob), true);
  }
});
