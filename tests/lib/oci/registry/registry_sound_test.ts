/** What a registry says that it has, and does not give when it is asked for it. */
import { assertEquals } from "@std/assert";
import { Layout } from "../../../../lib/oci/layout/layout.ts";
import { silentMeter } from "../../../../lib/base/meter.ts";
import { RegistryDestination } from "../../../../lib/oci/registry/registry_destination.ts";
import { RegistryHost } from "../../../../lib/oci/registry/registry_host.ts";
import type { Quirk } from "../../../support/fake_registry/options.ts";
import { FakeRegistry } from "../../../support/fake_registry.ts";
import { ImageRoom } from "../../../support/image_room.ts";
import { randomBytes, writeImage } from "../../../support/layout.ts";
import { syncImage } from "../../../../tasks/image/image.ts";
import { blob, content, none, retry } from "../../../support/registry_bench.ts";

const { signal } = new AbortController();

async function withDestination(
  quirks: readonly Quirk[],
  run: (destination: RegistryDestination, registry: FakeRegistry) => Promise<void>,
): Promise<void> {
  await using registry = new FakeRegistry({ quirks });
  using host = new RegistryHost({
    host: registry.host,
    side: "destination",
    retry,
    credentials: none,
  });
  const reference = { transport: "docker" as const, host: registry.host, repository: "a/b" };
  await run(new RegistryDestination(reference, host, { meter: silentMeter }), registry);
}

Deno.test("RegistryDestination.isSound() takes a blob for damaged that is gone when it is read", () =>
  withDestination([], async (destination, registry) => {
    registry.store.putBlob("a/b", content);
    assertEquals(await destination.has(blob, false), true);
    registry.store.blobs.delete(blob.digest);
    assertEquals(await destination.isSound(blob, signal), false);
    assertEquals([...destination.damaged], [blob.digest]);
  }));

Deno.test("RegistryDestination.isSound() takes a blob for damaged that has another size than its manifest says", () =>
  withDestination(["no-head-length"], async (destination, registry) => {
    registry.store.putBlob("a/b", content);
    registry.store.blobs.set(blob.digest, content.subarray(0, 1000));
    assertEquals(await destination.has(blob, false), true);
    assertEquals(await destination.isSound(blob, signal), false);
    assertEquals([...destination.damaged], [blob.digest]);
  }));

Deno.test("syncImage() with verifyExisting brings anew a blob of which the registry has only a part and does not say so", async () => {
  await using room = await ImageRoom.make();
  await using registry = new FakeRegistry({ quirks: ["no-head-length"] });
  const layer = randomBytes(500_000);
  await writeImage(room.path("from"), "v1", { layers: [layer] });
  const [from, to] = [`oci:${room.path("from")}:v1`, `docker://${registry.host}/a:v1`];
  await room.sync(from, to);
  for (const [digest, bytes] of registry.store.blobs) {
    if (bytes.byteLength === layer.byteLength) registry.store.blobs.set(digest, bytes.slice(9));
  }
  // The blob, and the manifest that points to it.
  const { size } = (await new Layout(room.path("from")).find("v1"))!;
  const { bytesMoved } = await syncImage({ from, to, verifyExisting: true }, room.context);
  assertEquals(bytesMoved, layer.byteLength + size);
  const sizes = [...registry.store.blobs.values()].map(({ byteLength }) => byteLength);
  assertEquals(Math.max(...sizes), layer.byteLength);
});
