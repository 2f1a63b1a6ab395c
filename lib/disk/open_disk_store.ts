import type { Meter } from "../base/meter.ts";
import { type OpenImageOptions, openPlace } from "../oci/copy/open_image.ts";
import type { ImageReference } from "../oci/reference.ts";
import { RegistryClient } from "../oci/registry/registry_client.ts";
import type { RegistryMirrors, RegistryPlace } from "../oci/registry/registry_mirrors.ts";
import type { DiskSource, DiskStore } from "./disk_store.ts";
import { LayoutDiskStore } from "./layout_disk_store.ts";
import { RegistryDiskStore } from "./registry_disk_store.ts";

/** How the stores of disks are opened. */
export interface OpenDiskOptions extends OpenImageOptions {
  /** Told of what is moved. */
  meter: Meter;
  /** Ends the reading and writing. */
  signal: AbortSignal;
  /** What holds for registries, and where they are read. */
  rules?: RegistryMirrors | undefined;
}

/**
 * Opens a disk to be read, in the mirrors of its registry too; nothing is asked yet.
 *
 * @throws {UsageError} if the rules block its registry
 */
export async function openDiskSource(
  reference: ImageReference,
  { rules, ...options }: OpenDiskOptions,
): Promise<DiskSource> {
  if (reference.transport === "oci") return new LayoutDiskStore(reference, options.signal);
  const places = rules?.places(reference) ?? [];
  const origin = places.pop() ?? { ...reference, insecure: false };
  const open = (
    { insecure, ...place }: Omit<RegistryPlace, "use">,
    mirror: boolean,
  ) => {
    const connection = openPlace(place.host, "source", { insecure, mirror }, options);
    const client = new RegistryClient(connection, place.repository);
    const { host, repository } = mirror ? place : reference;
    const named = { ...place, transport: "docker", host, repository } as const;
    return new RegistryDiskStore(named, client, options);
  };
  if (places.length === 0) return open(origin, false);
  const { MirroredDiskSource } = await import("./mirrored_disk_source.ts");
  const mirrors = places.map(({ use, ...place }) => ({ source: open(place, true), use }));
  return new MirroredDiskSource(mirrors, open(origin, false), options.meter);
}

/**
 * Opens the store that a disk is written to: the one that was named, as with images; nothing is asked yet.
 *
 * @throws {UsageError} if the rules block its registry
 */
export function openDiskStore(
  reference: ImageReference,
  { rules, ...options }: OpenDiskOptions,
): DiskStore {
  if (reference.transport === "oci") return new LayoutDiskStore(reference, options.signal);
  const { host, repository } = reference;
  const insecure = rules?.writtenPlain(reference) ?? false;
  const connection = openPlace(host, "destination", { insecure }, options);
  return new RegistryDiskStore(reference, new RegistryClient(connection, repository), options);
}
