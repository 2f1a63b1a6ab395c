import { assertEquals, assertRejects } from "@std/assert";
import { sha256 } from "../../../../lib/base/digest.ts";
import { VerificationError } from "../../../../lib/base/errors.ts";
import type { Descriptor } from "../../../../lib/oci/descriptor.ts";
import type { ImageSource } from "../../../../lib/oci/image_store.ts";
import { MediaType } from "../../../../lib/oci/media_type.ts";
import { rememberMount, rememberUpload } from "../../../../lib/oci/memory.ts";
import { fixedLimit } from "../../../../lib/http/pace.ts";
import { RegistryDestination } from "../../../../lib/oci/registry/registry_destination.ts";
import { RegistryHost } from "../../../../lib/oci/registry/registry_host.ts";
import { openSession } from "../../../../lib/oci/registry/upload_session.ts";
import { OperationMeter } from "../../../../lib/operation/operation_meter.ts";
import { FakeRegistry } from "../../../support/fake_registry.ts";
import { randomBytes } from "../../../support/layout.ts";
import { TestMemory } from "../../../support/test_memory.ts";

const mebibyte = 1024 * 1024;
const content = randomBytes(65 * mebibyte);
const blob: Descriptor = {
  mediaType: MediaType.ociLayer,
  digest: sha256(content),
  size: content.byteLength,
};

function sourceOf(
  bytes: Uint8Array<ArrayBuffer>,
  repository?: { host: string; name: string },
): ImageSource {
  const never = () => Promise.reject(new Error("not asked for"));
  return {
    name: "the source",
    limit: fixedLimit(1),
    requestsPerRead: () => 0,
    resolve: never,
    manifest: never,
    referrers: never,
    tagged: never,
    async *read(_descriptor, start) {
      for (let at = start; at < bytes.byteLength; at += mebibyte) {
        yield await Promise.resolve(bytes.slice(at, at + mebibyte));
      }
    },
    [Symbol.dispose]() {},
    ...(repository === undefined ? {} : { repository }),
  };
}

/** A registry that an earlier run left with the first 40 MiB of a blob, and its repository as a destination. */
class Left implements AsyncDisposable {
  readonly registry: FakeRegistry = new FakeRegistry();
  readonly memory: TestMemory = new TestMemory();
  readonly meter: OperationMeter = new OperationMeter(() => {});
  readonly destination: RegistryDestination;
  #host: RegistryHost;

  private constructor() {
    const { registry, memory, meter } = this;
    this.#host = new RegistryHost({
      host: registry.host,
      memory,
      meter,
      retry: { retries: 0, baseMs: 0, ceilingMs: 0 },
      credentials: () => Promise.resolve(undefined),
    });
    const reference = { transport: "docker", host: registry.host, repository: "b" } as const;
    this.destination = new RegistryDestination(reference, this.#host, { meter });
  }

  static async make(): Promise<Left> {
    const left = new Left();
    const { location } = await openSession(left.#host, "b");
    const body = content.subarray(0, 40 * mebibyte);
    const { ok, status } = await fetch(location, { method: "PATCH", body });
    assertEquals([ok, status], [true, 202]);
    const offset = body.byteLength;
    const { name } = left.destination.client;
    rememberUpload(left.memory, name, blob.digest, { location: location.href, offset });
    left.registry.requests.length = 0;
    left.meter.requests = 0;
    return left;
  }

  /** Remembers another address of the upload. */
  moveUpload(location: string): void {
    const { name } = this.destination.client;
    rememberUpload(this.memory, name, blob.digest, { location, offset: 40 * mebibyte });
  }

  /** The transfer. */
  async put(source: ImageSource): Promise<void> {
    using progress = this.meter.object(blob.digest, blob.size);
    const { signal } = new AbortController();
    await this.destination.put({ descriptor: blob, source, progress, signal });
  }

  /** What was asked and answered; when a chunk that was cut comes into the log is left to chance. */
  get methods(): string[] {
    return this.registry.requests.filter(({ status }) => status !== 400)
      .map(({ method, status }) => `${method} ${status}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#host[Symbol.dispose]();
    await this.registry[Symbol.asyncDispose]();
  }
}

Deno.test("RegistryDestination begins anew where an earlier upload may not be asked for, or asking fails", async () => {
  for (const how of ["no-asking", "fails", "gone"] as const) {
    await using left = await Left.make();
    if (how === "no-asking") left.registry.quirks.add("no-asking");
    if (how === "fails") left.registry.faults.failAsked = 100;
    if (how === "gone") left.moveUpload("http://127.0.0.1:1/v2/b/blobs/uploads/1");
    const { reusedBytes } = await left.destination.cost(blob, sourceOf(content));
    assertEquals(reusedBytes, 0);
    await left.put(sourceOf(content));
    assertEquals(left.meter.bytesMoved, blob.size, how);
    assertEquals(left.registry.store.blobs.has(blob.digest), true);
  }
});

Deno.test("RegistryDestination goes on with an earlier upload, and counts what the registry has as reused", async () => {
  await using left = await Left.make();
  await left.put(sourceOf(content));
  assertEquals(left.methods, ["GET 204", "PATCH 202", "PUT 201"]);
  assertEquals([left.meter.bytesMoved, left.meter.bytesReused], [25 * mebibyte, 40 * mebibyte]);
});

Deno.test("RegistryDestination gives an upload with wrong bytes up for good, and counts nothing of it as reused", async () => {
  await using left = await Left.make();
  const wrong = content.with(10, content[10]! ^ 1);
  assertEquals((await left.destination.cost(blob, sourceOf(wrong))).reusedBytes, 40 * mebibyte);
  await assertRejects(() => left.put(sourceOf(wrong)), VerificationError);
  assertEquals(left.methods, ["GET 204", "DELETE 204"]);
  assertEquals(left.meter.bytesReused, 0);
  left.registry.requests.length = 0;
  await left.put(sourceOf(content));
  assertEquals(left.methods, [
    ...["POST 202", "PATCH 202", "GET 204", "PATCH 202", "PATCH 202", "PUT 201"],
  ]);
  assertEquals(left.meter.bytesReused, 0);
  assertEquals(left.memory.upload, undefined);
});

Deno.test("RegistryDestination asks for no earlier upload of a blob that it mounts, as it planned", async () => {
  await using left = await Left.make();
  const { registry, destination, memory, meter } = left;
  registry.store.putBlob("a", content);
  rememberMount(memory, "a", destination.client.name, true);
  const source = sourceOf(content, { host: registry.host, name: "a" });
  const planned = await destination.cost(blob, source);
  assertEquals([planned.requests, meter.requests], [1, 0]);
  await left.put(source);
  assertEquals([meter.requests, left.methods], [1, ["POST 201"]]);
});
