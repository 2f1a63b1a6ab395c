import { assertEquals } from "@std/assert";
import type { OperationEvent } from "../../../lib/operation/event.ts";
import { pullDisk, pushDisk } from "../../../tasks/disk/disk.ts";
import { noise } from "../../support/disk.ts";
import { DiskWorld } from "../../support/disk_world.ts";
import { realTest } from "../../support/real.ts";
import { startRegistry } from "../../support/registry.ts";

for (const repack of [false, true]) {
  const how = repack ? ", also where it packs afresh" : "";
  realTest(
    `pushDisk() replaces a tag whose manifest cannot be read${how}`,
    ["docker-registry"],
    async () => {
      await using world = await DiskWorld.make();
      await using registry = await startRegistry();
      const data = noise(300_000);
      const file = await world.write("disk", data);
      const reference = `docker://${registry.host}/acme/disk:a`;
      const { digest } = await pushDisk({ file, reference }, world.machine());
      await spoil(`${registry.url}/v2/acme/disk/manifests/a`);

      const said: string[] = [];
      const report = (event: OperationEvent) => {
        if (event.type === "note" && event.level === "warning") said.push(event.message);
      };
      const pushed = await pushDisk({ file, reference, repack }, { ...world.machine(), report });

      assertEquals([pushed.digest, pushed.changed], [digest, true]);
      assertEquals(said.length, 1, said.join("\n"));
      assertEquals(said[0]!.endsWith("; it is replaced"), true, said[0]);
      await pullDisk({ reference, file: world.path("out") }, world.machine());
      await world.holds("out", data);
    },
  );
}

Deno.test("pushDisk() says once that a manifest cannot be read, also where it saw that disk before", async () => {
  await using world = await DiskWorld.make();
  const file = await world.write("disk", noise(300_000));
  const reference = `oci:${world.path("store")}:1`;
  const machine = world.machine();
  const { digest } = await pushDisk({ file, reference }, machine);
  const manifest = world.path(`store/blobs/sha256/${digest!.slice("sha256:".length)}`);
  await Deno.truncate(manifest, 10);
  const said: string[] = [];
  const report = (event: OperationEvent) => {
    if (event.type === "note" && event.level === "warning") said.push(event.message);
  };
  await pushDisk({ file, reference }, { ...machine, report });
  assertEquals(said.map((words) => words.slice(words.lastIndexOf("; "))), ["; it is replaced"]);
});

/** Makes a tag mean a manifest with a size that cannot be, which registries take. */
async function spoil(url: string): Promise<void> {
  const accept = "application/vnd.oci.image.manifest.v1+json";
  const manifest = await (await fetch(url, { headers: { accept } })).json();
  manifest.layers[0].size = -1;
  const body = JSON.stringify(manifest);
  const put = await fetch(url, { method: "PUT", headers: { "content-type": accept }, body });
  assertEquals([put.status, await put.text()], [201, ""]);
}
