/** A part of a disk in a registry that no retry brings: the program itself is at fault. */
import { assertEquals, assertRejects } from "@std/assert";
import { silentMeter } from "../../../lib/base/meter.ts";
import { RegistryDiskStore } from "../../../lib/disk/registry_disk_store.ts";
import { blob, content, retry, withRegistry } from "../../support/registry_bench.ts";

Deno.test("RegistryDiskStore.range() does not try again where it is not the connection that failed", async () => {
  const credentials = () => {
    throw new TypeError("undefined is not a function");
  };
  await withRegistry({ user: { name: "a", password: "b" } }, async (client, registry) => {
    registry.store.putBlob("a/b", content);
    const { signal } = new AbortController();
    const { host: { host }, repository } = client;
    const reference = { transport: "docker", host, repository, tag: "v1" } as const;
    const store = new RegistryDiskStore(reference, client, { meter: silentMeter, signal });
    await assertRejects(
      () => store.range(blob, 0, 1000, { signal }),
      TypeError,
      "undefined is not a function",
    );
    assertEquals(registry.requests.length, 1);
  }, { credentials, retry });
});
