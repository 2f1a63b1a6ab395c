import type { Side } from "../base/errors.ts";
import type { Meter } from "../base/meter.ts";
import { openHost, type OpenImageOptions } from "../oci/open_image.ts";
import type { ImageReference, RegistryReference } from "../oci/reference.ts";
import { RegistryClient } from "../oci/registry_client.ts";
import type { RegistryMirrors, RegistryPlace } from "../oci/registry_mirrors.ts";
import type { DiskStore } from "./disk_store.ts";
import { LayoutDiskStore } from "./layout_disk_store.ts";
import { RegistryDiskStore } from "./registry_disk_store.ts";

/** How the stores of disks are opened. */
export interface OpenDiskOptions extends OpenImageOptions {
  /** Told of what is moved. */
  meter: Meter;
  /** Ends the reading and writing. */
  signal: AbortSignal;
  /** What holds for the registries themselves; their mirrors are not asked. */
  rules?: RegistryMirrors | undefined;
}

/**
 * Opens the store of a reference; nothing is asked yet.
 *
 * @throws {UsageError} if the rules block its registry
 */
export function openDiskStore(
  reference: ImageReference,
  side: Side,
  { rules, ...options }: OpenDiskOptions,
): DiskStore {
  if (reference.transport === "oci") return new LayoutDiskStore(reference, options.signal);
  const { host, repository, insecure } = placeOf(reference, side, rules);
  const { insecureRegistries = [] } = options;
  const connection = openHost(host, side, {
    ...options,
    insecureRegistries: insecure ? [...insecureRegistries, host] : insecureRegistries,
  });
  return new RegistryDiskStore(reference, new RegistryClient(connection, repository), options);
}

/** Where a repository is; what is written goes to the registry that was named, as with images. */
function placeOf(
  { host, repository }: RegistryReference,
  side: Side,
  rules: RegistryMirrors | undefined,
): Omit<RegistryPlace, "use"> {
  if (rules === undefined) return { host, repository, insecure: false };
  return side === "source"
    ? rules.origin(host, repository)
    : { host, repository, insecure: rules.writtenPlain(host, repository) };
}
