import type { Side } from "../base/errors.ts";
import { LayoutDestination } from "./layout_destination.ts";
import { LayoutSource } from "./layout_source.ts";
import type { ImageDestination, ImageSource } from "./image_store.ts";
import type { ImageReference } from "./reference.ts";
import { RegistryDestination } from "./registry_destination.ts";
import { RegistryHost, type RegistryHostOptions } from "./registry_host.ts";
import { RegistrySource } from "./registry_source.ts";
import { type Meter, silentMeter } from "../base/meter.ts";

/** What sources and destinations are opened with. */
export interface OpenImageOptions extends
  Pick<
    RegistryHostOptions,
    "meter" | "signal" | "redactor" | "credentials" | "retry" | "concurrency" | "memory"
  > {
  /** Hosts that are spoken to in plain HTTP although they are not loopback. */
  insecureRegistries?: readonly string[] | undefined;
}

/** Opens an image to be read; nothing is asked yet. */
export function openSource(reference: ImageReference, options: OpenImageOptions = {}): ImageSource {
  if (reference.transport === "oci") return new LayoutSource(reference);
  return new RegistrySource(
    reference,
    openHost(reference.host, "source", options),
    meterOf(options),
  );
}

/** Opens an image to be written; nothing is written yet. */
export function openDestination(
  reference: ImageReference,
  options: OpenImageOptions = {},
): ImageDestination {
  if (reference.transport === "oci") return new LayoutDestination(reference, options.meter);
  const host = openHost(reference.host, "destination", options);
  return new RegistryDestination(reference, host, meterOf(options));
}

/** Opens the connection to a registry. */
export function openHost(host: string, side: Side, options: OpenImageOptions): RegistryHost {
  const { insecureRegistries = [], ...rest } = options;
  return new RegistryHost({ ...rest, host, side, insecure: insecureRegistries.includes(host) });
}

function meterOf(options: OpenImageOptions): Meter {
  return options.meter ?? silentMeter;
}
