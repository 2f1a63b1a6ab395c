/** A registry that redirects to a place which refuses, as a firewall on the way to its storage does. */
import { assertEquals, assertRejects } from "@std/assert";
import { NotAllowedError } from "../../../../lib/base/errors.ts";
import { silentMeter } from "../../../../lib/base/meter.ts";
import { rangesIntoFile } from "../../../../lib/oci/registry/ranges_into_file.ts";
import { RegistrySource } from "../../../../lib/oci/registry/registry_source.ts";
import type { FakeRegistry } from "../../../support/fake_registry.ts";
import { inFolder } from "../../../support/in_folder.ts";
import { blob, content, withRegistry } from "../../../support/registry_bench.ts";

const refuses = { quirks: ["redirect"], faults: { expireUrl: 100 } } as const;

/** What an error says of a registry whose signed URLs are all refused. */
function assertElsewhere({ message, hint, data }: NotAllowedError, registry: FakeRegistry): void {
  const elsewhere = `localhost:${new URL(`http://${registry.host}`).port}`;
  assertEquals(
    message,
    `Cannot get the blob "${registry.host}/a/b": "${elsewhere}", to which it redirects, answered 403 (EXPIRED: expired)`,
  );
  assertEquals(
    hint,
    `see that a firewall or proxy on the way lets this machine reach "${elsewhere}" too`,
  );
  assertEquals([data["status"], data["host"]], [403, elsewhere]);
}

Deno.test("RegistryClient names the place that refuses a blob, where the registry redirects to it", () =>
  withRegistry(refuses, async (client, registry) => {
    registry.store.putBlob("a/b", content);
    assertElsewhere(await assertRejects(() => client.get(blob), NotAllowedError), registry);
  }));

Deno.test("rangesIntoFile() names the place that refuses a blob, where the registry redirects to it", () =>
  withRegistry(refuses, (client, registry) =>
    inFolder(async (folder) => {
      registry.store.putBlob("a/b", content);
      const { host } = registry;
      const reference = { transport: "docker" as const, host, repository: "a/b", tag: "v1" };
      using source = new RegistrySource(reference, client.host, silentMeter);
      using progress = silentMeter.object(blob.digest, blob.size);
      const { signal } = new AbortController();
      const transfer = { descriptor: blob, source, progress, signal };
      const places = source.downloads(blob.digest);
      const error = await assertRejects(
        () => rangesIntoFile(transfer, places, `${folder}/blob`, silentMeter),
        NotAllowedError,
      );
      assertElsewhere(error, registry);
    })));
