import type { Side } from "../base/errors.ts";
import type { Meter } from "../base/meter.ts";
import { openHost, type OpenImageOptions } from "../oci/open_image.ts";
import type { ImageReference } from "../oci/reference.ts";
import type { DiskStore } from "./disk_store.ts";
import { LayoutDiskStore } from "./layout_disk_store.ts";
import { RegistryDiskStore } from "./registry_disk_store.ts";

/** Opens the store of a reference; nothing is asked yet. */
export function openDiskStore(
  reference: ImageReference,
  side: Side,
  options: OpenImageOptions & { meter: Meter; signal: AbortSignal },
): DiskStore {
  return reference.transport === "oci"
    ? new LayoutDiskStore(reference, options.signal)
    : new RegistryDiskStore(reference, openHost(reference.host, side, options), options);
}
