/** Uploads in chunks to a registry. @module */
import { assertEquals } from "@std/assert";
import { delay } from "@std/async";
import { sha256 } from "../../lib/base/digest.ts";
import { KedgeError } from "../../lib/base/errors.ts";
import type { Descriptor } from "../../lib/oci/descriptor.ts";
import { MediaType } from "../../lib/oci/media_type.ts";
import type { Memory } from "../../lib/oci/memory.ts";
import type { PushBlobOptions } from "../../lib/oci/registry/push_blob_options.ts";
import { RegistryClient } from "../../lib/oci/registry/registry_client.ts";
import { RegistryHost } from "../../lib/oci/registry/registry_host.ts";
import { FakeRegistry, type FakeRegistryOptions } from "./fake_registry.ts";
import { randomBytes } from "./layout.ts";
import { TestMemory } from "./test_memory.ts";

const content = randomBytes(1_000_000);

/** The blob that is pushed. */
export const blob: Descriptor = {
  mediaType: MediaType.ociLayer,
  digest: sha256(content),
  size: content.byteLength,
};

/** Its bytes from a place on, a piece at a time. */
export async function* inPieces(start: number): AsyncIterable<Uint8Array> {
  for (let at = start; at < content.byteLength; at += 70_000) {
    yield await Promise.resolve(content.slice(at, at + 70_000));
  }
}

/** The same; at one piece, something happens first. */
export function inPiecesWith(at: number, happens: () => unknown): typeof inPieces {
  let pieces = 0;
  return async function* (start) {
    for await (const piece of inPieces(start)) {
      if (++pieces === at) happens();
      yield piece;
    }
  };
}

/** What ends an upload in the middle. */
export function cut(): never {
  throw new KedgeError("the power went");
}

/** Pushes the blob in chunks of 300 000 bytes; gives the bytes that went out, of which all but those in vain make the blob. */
export async function push(
  host: string,
  memory: Memory,
  options: PushBlobOptions & { body?: (start: number) => AsyncIterable<Uint8Array> } = {},
  retries = 0,
): Promise<number> {
  using connection = new RegistryHost({
    host,
    memory,
    retry: { retries, baseMs: 0, ceilingMs: 0 },
    credentials: () => Promise.resolve(undefined),
  });
  let sent = 0;
  let inVain = 0;
  await new RegistryClient(connection, "a/b", "pull,push").putBlob(
    blob,
    options.body ?? inPieces,
    {
      chunkedFromBytes: 500_000,
      chunkBytes: 300_000,
      retry: { retries: 3, baseMs: 1, ceilingMs: 5 },
      ...options,
      onSent: (bytes) => {
        sent += bytes;
      },
      onRestart: (bytes) => {
        inVain += bytes;
      },
    },
  );
  assertEquals((options.session?.offset ?? 0) + sent - inVain, blob.size);
  return sent;
}

/** Runs with a registry that behaves as it is told. */
export async function withFake(
  options: FakeRegistryOptions,
  run: (registry: FakeRegistry, memory: TestMemory) => Promise<void>,
): Promise<void> {
  await using registry = new FakeRegistry(options);
  await run(registry, new TestMemory());
  assertEquals(registry.store.blobs.get(blob.digest), content);
}

/** Waits until the registry has seen that a chunk was cut. */
export async function cutWasNoticed(registry: FakeRegistry): Promise<void> {
  while (!registry.requests.some(({ status }) => status === 400)) {
    await delay(5);
  }
}

/** The methods that were asked. */
export function methods(registry: FakeRegistry): string[] {
  return registry.requests.map(({ method, status }) => `${method} ${status}`);
}
