import { type Side, UsageError } from "../base/errors.ts";
import { silentMeter } from "../base/meter.ts";
import { EngineDestination } from "./engine_destination.ts";
import type { DestinationReference } from "./engine_reference.ts";
import { FileHashers } from "./file_hashers.ts";
import type { ImageEngine } from "./image_engine.ts";
import type { ImageDestination, ImageSource } from "./image_store.ts";
import { LayoutDestination } from "./layout_destination.ts";
import { LayoutSource } from "./layout_source.ts";
import type { LocalBlobs } from "./local_blobs.ts";
import { openHost, type OpenImageOptions } from "./open_image.ts";
import { MirroredSource } from "./mirrored_source.ts";
import { formatReference, type ImageReference } from "./reference.ts";
import { RegistryDestination } from "./registry_destination.ts";
import type { RegistryHost } from "./registry_host.ts";
import type { RegistryMirrors, RegistryPlace } from "./registry_mirrors.ts";
import { RegistrySource } from "./registry_source.ts";

/** What {@linkcode ImageHosts} are made of. */
export interface ImageHostsOptions extends OpenImageOptions {
  /** Where else on this machine a blob may be. */
  local?: LocalBlobs | undefined;
  /** Where repositories are read. */
  mirrors?: RegistryMirrors | undefined;
  /** Finds an engine of this machine. */
  engine?: ((kind: "podman" | "docker") => Promise<ImageEngine>) | undefined;
}

const mirrorRetry = { retries: 1, baseMs: 100, ceilingMs: 1000 };

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
    const { meter = silentMeter, mirrors } = this.#options;
    const places = mirrors?.places(reference.host, reference.repository) ?? [];
    const origin = places.pop() ?? { ...reference, insecure: false };
    const open = ({ host, repository, insecure }: Omit<RegistryPlace, "use">, mirror: boolean) =>
      new RegistrySource(
        { ...reference, host, repository },
        this.host(host, "source", { insecure, mirror }),
        meter,
      );
    if (places.length === 0) return open(origin, false);
    const found = places.map((place) => ({ source: open(place, true), use: place.use }));
    return new MirroredSource(formatReference(reference), found, open(origin, false), meter);
  }

  /** Opens an image to be written; nothing is written yet. */
  destination(reference: DestinationReference): ImageDestination {
    const { meter = silentMeter, signal, local, memory } = this.#options;
    switch (reference.transport) {
      case "oci":
        return new LayoutDestination(reference, { meter, hashers: this.#hashers, local, signal });
      case "docker":
        return new RegistryDestination(reference, this.host(reference.host, "destination"), meter);
      default: {
        const kind = reference.transport === "podman" ? "podman" : "docker";
        const engine = () => this.#engine(kind);
        return new EngineDestination(reference, { engine, memory, signal });
      }
    }
  }

  /** The connection to a registry, one for each side. */
  host(name: string, side: Side, how: { insecure?: boolean; mirror?: boolean } = {}): RegistryHost {
    const key = JSON.stringify([side, name, how]);
    const standing = this.#hosts.get(key);
    if (standing !== undefined) return standing;
    const host = openHost(name, side, this.#openOptions(name, how));
    this.#hosts.set(key, host);
    return host;
  }

  async #engine(kind: "podman" | "docker"): Promise<ImageEngine> {
    const { engine } = this.#options;
    if (engine !== undefined) return await engine(kind);
    throw new UsageError(`Cannot bring an image into ${kind}: no engine was handed in`);
  }

  #openOptions(name: string, how: { insecure?: boolean; mirror?: boolean }): OpenImageOptions {
    const { local: _local, engine: _engine, mirrors: _mirrors, ...options } = this.#options;
    const { insecureRegistries = [] } = options;
    return {
      ...options,
      insecureRegistries: how.insecure ? [...insecureRegistries, name] : insecureRegistries,
      // There is another place to ask: a mirror gets less patience.
      ...(how.mirror ? { retry: mirrorRetry } : {}),
    };
  }

  /** Closes all of it. */
  [Symbol.dispose](): void {
    for (const host of this.#hosts.values()) host[Symbol.dispose]();
    this.#hosts.clear();
    this.#hashers[Symbol.dispose]();
  }
}
