/** A registry and a client of it. @module */
import { sha256 } from "../../lib/base/digest.ts";
import type { Descriptor } from "../../lib/oci/descriptor.ts";
import { parseManifest } from "../../lib/oci/manifest.ts";
import { MediaType } from "../../lib/oci/media_type.ts";
import { RegistryClient } from "../../lib/oci/registry/registry_client.ts";
import { RegistryHost, type RegistryHostOptions } from "../../lib/oci/registry/registry_host.ts";
import { FakeRegistry, type FakeRegistryOptions } from "./fake_registry.ts";
import { randomBytes } from "./layout.ts";

/** Tries that need no patience. */
export const retry = { retries: 3, baseMs: 1, ceilingMs: 5 };

/** What the blob holds. */
export const content = randomBytes(3_000_000);

/** The blob. */
export const blob: Descriptor = {
  mediaType: MediaType.ociLayer,
  digest: sha256(content),
  size: content.byteLength,
};

/** No credentials. */
export const none = () => Promise.resolve(undefined);

/** Runs with a client of a registry that behaves as it is told. */
export async function withRegistry(
  options: FakeRegistryOptions,
  run: (client: RegistryClient, registry: FakeRegistry) => Promise<void>,
  host: Partial<RegistryHostOptions> = {},
): Promise<void> {
  await using registry = new FakeRegistry(options);
  using connection = new RegistryHost({
    host: registry.host,
    retry,
    credentials: none,
    ...host,
  });
  await run(new RegistryClient(connection, "a/b", "pull,push"), registry);
}

/** All that comes. */
export async function read(stream: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const parts: Uint8Array<ArrayBuffer>[] = [];
  for await (const part of stream) parts.push(part.slice());
  return new Uint8Array(await new Blob(parts).arrayBuffer());
}

/** The content from a place on, a piece at a time. */
export async function* inPieces(start: number): AsyncIterable<Uint8Array> {
  for (let at = start; at < content.byteLength; at += 700_000) {
    yield await Promise.resolve(content.subarray(at, at + 700_000));
  }
}

/** A manifest without layers. */
export const emptyImage = parseManifest(
  new TextEncoder().encode(JSON.stringify({
    schemaVersion: 2,
    config: { mediaType: MediaType.empty, digest: sha256("{}"), size: 2 },
    layers: [],
  })),
  { name: "test" },
);
