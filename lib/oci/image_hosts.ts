import type { Side } from "../base/errors.ts";
import { silentMeter } from "../base/meter.ts";
import { FileHashers } from "./file_hashers.ts";
import type { ImageDestination, ImageSource } from "./image_store.ts";
import { LayoutDestination } from "./layout_destination.ts";
import { LayoutSource } from "./layout_source.ts";
import type { LocalBlobs } from "./local_blobs.ts";
import { openHost, type OpenImageOptions } from "./open_image.ts";
import type { ImageReference } from "./reference.ts";
import { RegistryDestination } from "./registry_destination.ts";
import type { RegistryHost } from "./registry_host.ts";
import { RegistrySource } from "./registry_source.ts";

/** What {@linkcode ImageHosts} are made of. */
export interface ImageHostsOptions extends OpenImageOptions {
  /** Where else on this machine a blob may be. */
  local?: LocalBlobs | undefined;
}

/** Opens images, and shares between them what can be shared: connections, tokens, paces, the thread that hashes. */
export class ImageHosts implements Disposable {
  #options: ImageHostsOptions;
  #hosts = new Map<string, RegistryHost>();
  #hashers = new FileHashers();

  /** Connects to nothing yet. */
  constructor(options: ImageHostsOptions = {}) {
    this.#options = options;
  }

  /** Opens an image to be read; nothing is asked yet. */
  source(reference: ImageReference): ImageSource {
    if (reference.transport === "oci") return new LayoutSource(reference);
    const host = this.host(reference.host, "source");
    return new RegistrySource(reference, host, this.#options.meter ?? silentMeter);
  }

  /** Opens an image to be written; nothing is written yet. */
  destination(reference: ImageReference): ImageDestination {
    const { meter = silentMeter, signal, local } = this.#options;
    if (reference.transport === "oci") {
      return new LayoutDestination(reference, { meter, hashers: this.#hashers, local, signal });
    }
    return new RegistryDestination(reference, this.host(reference.host, "destination"), meter);
  }

  /** The connection to a registry, one for each side. */
  host(name: string, side: Side): RegistryHost {
    const key = `${side} ${name}`;
    const standing = this.#hosts.get(key);
    if (standing !== undefined) return standing;
    const host = openHost(name, side, this.#openOptions);
    this.#hosts.set(key, host);
    return host;
  }

  get #openOptions(): OpenImageOptions {
    const { local: _local, ...options } = this.#options;
    return options;
  }

  /** Closes all of it. */
  [Symbol.dispose](): void {
    for (const host of this.#hosts.values()) host[Symbol.dispose]();
    this.#hosts.clear();
    this.#hashers[Symbol.dispose]();
  }
}
