import { type Side, UsageError } from "../../base/errors.ts";
import { silentMeter } from "../../base/meter.ts";
import type { DestinationReference } from "../engine_reference.ts";
import { FileHashers } from "../file_hashers.ts";
import type { ImageEngine } from "../engine/image_engine.ts";
import type { ImageDestination, ImageSource } from "../image_store.ts";
import { insecureHosts } from "./insecure_hosts.ts";
import type { LayoutPlace } from "../layout/layout_place.ts";
import type { LocalBlobs } from "../local_blobs.ts";
import type { MirroredSource } from "../registry/mirrored_source.ts";
import type { OpenImageOptions, OpenPlace } from "./open_image.ts";
import { PlaceNames } from "./place_names.ts";
import { formatReference, type ImageReference, type RegistryReference } from "../reference.ts";
import type { LearnedHabits, RegistryHost } from "../registry/registry_host.ts";
import type { RegistryMirrors, RegistryPlace } from "../registry/registry_mirrors.ts";
import type { RegistrySource } from "../registry/registry_source.ts";

/** What {@linkcode ImageHosts} are made of. */
export interface ImageHostsOptions extends OpenImageOptions {
  /** Where else on this machine a blob may be. */
  local?: LocalBlobs | undefined;
  /** Where repositories are read. */
  mirrors?: RegistryMirrors | undefined;
  /** Finds an engine of this machine. */
  engine?: ((kind: "podman" | "docker") => Promise<ImageEngine>) | undefined;
}

/**
 * Opens images, and shares between them what can be shared: connections, tokens, paces, the thread that hashes. What speaks to
 * registries, writes layouts or drives engines is loaded by the first image that needs it.
 */
export class ImageHosts implements Disposable {
  #options: ImageHostsOptions;
  #hosts = new Map<string, RegistryHost>();
  #places = new PlaceNames();
  #layouts = new Map<string, LayoutPlace>();
  #hashers = new FileHashers();

  /**
   * Connects to nothing yet.
   *
   * @throws {UsageError} if an insecure registry is not a host
   */
  constructor(options: ImageHostsOptions = {}) {
    this.#options = { ...options, insecureRegistries: insecureHosts(options.insecureRegistries) };
  }

  /** Opens an image to be read; nothing is asked yet. */
  async source(reference: ImageReference): Promise<ImageSource> {
    if (reference.transport === "docker") return await this.registry(reference);
    const { LayoutSource } = await import("../layout/layout_source.ts");
    return new LayoutSource(reference);
  }

  /** Opens an image of a registry to be read, in its mirrors too. */
  async registry(reference: RegistryReference): Promise<RegistrySource | MirroredSource> {
    const [{ RegistrySource }] = await Promise.all([
      import("../registry/registry_source.ts"),
      import("./open_image.ts"),
    ]);
    const { meter = silentMeter, mirrors } = this.#options;
    const places = mirrors?.places(reference) ?? [];
    const origin = places.pop() ?? { ...reference, insecure: false };
    const open = async (
      { insecure, ...place }: Omit<RegistryPlace, "use">,
      mirror: boolean,
    ) =>
      new RegistrySource(
        { ...place, transport: "docker" },
        await this.host(place.host, "source", { insecure, mirror }),
        meter,
      );
    if (places.length === 0) return await open(origin, false);
    const { MirroredSource } = await import("../registry/mirrored_source.ts");
    const found = [];
    for (const place of places) found.push({ source: await open(place, true), use: place.use });
    return new MirroredSource(formatReference(reference), found, await open(origin, false), meter);
  }

  /** Opens an image to be written; nothing is written yet. */
  async destination(reference: DestinationReference): Promise<ImageDestination> {
    const { meter = silentMeter, signal, local, memory } = this.#options;
    switch (reference.transport) {
      case "oci": {
        const [{ LayoutPlace }, { LayoutDestination }] = await Promise.all([
          import("../layout/layout_place.ts"),
          import("../layout/layout_destination.ts"),
        ]);
        const { folder } = reference;
        const key = this.#places.of(reference);
        const place = this.#layouts.get(key) ??
          new LayoutPlace(folder, { meter, hashers: this.#hashers, local, signal });
        this.#layouts.set(key, place);
        return new LayoutDestination(reference, place);
      }
      case "docker": {
        const { RegistryDestination } = await import("../registry/registry_destination.ts");
        const host = await this.written(reference);
        return new RegistryDestination(reference, host, { meter, local });
      }
      default: {
        const { EngineDestination } = await import("../engine/engine_destination.ts");
        const kind = reference.transport === "podman" ? "podman" : "docker";
        const engine = () => this.#engine(kind);
        return new EngineDestination(reference, { engine, memory, meter, local, signal });
      }
    }
  }

  /** The registry that is written: where it is is not up to the rules, but whether it may be used, and whether in plain HTTP. */
  async written(reference: RegistryReference): Promise<RegistryHost> {
    const insecure = this.#options.mirrors?.writtenPlain(reference) === true;
    return await this.host(reference.host, "destination", insecure ? { insecure } : {});
  }

  /** Where a whole repository is read that no mirror stands for. */
  async origin(
    written: Pick<RegistryReference, "host" | "repository">,
  ): Promise<{ host: RegistryHost; repository: string }> {
    const name = { host: written.host, repository: written.repository };
    const { host, repository, insecure } = this.#options.mirrors?.origin(name) ??
      { ...name, insecure: false };
    return { host: await this.host(host, "source", { insecure, mirror: false }), repository };
  }

  /** The connection to a registry, one for each side. */
  async host(
    name: string,
    side: Side,
    how: OpenPlace = {},
  ): Promise<RegistryHost> {
    const { openPlace } = await import("./open_image.ts");
    const key = JSON.stringify([side, name, how]);
    const standing = this.#hosts.get(key);
    if (standing !== undefined) return standing;
    const { local: _local, engine: _engine, mirrors: _mirrors, ...options } = this.#options;
    const host = openPlace(name, side, how, options);
    this.#hosts.set(key, host);
    return host;
  }

  /** What was learned of each registry that was asked; of one that was read and written, what was learned by writing. */
  learned(): ReadonlyMap<string, LearnedHabits> {
    const sides = Map.groupBy(this.#hosts.values(), ({ side }) => side === "source");
    const hosts = [...sides.get(true) ?? [], ...sides.get(false) ?? []];
    return new Map(hosts.flatMap(({ host, learned }) => learned ? [[host, learned]] : []));
  }

  async #engine(kind: "podman" | "docker"): Promise<ImageEngine> {
    const { engine } = this.#options;
    if (engine !== undefined) return await engine(kind);
    throw new UsageError(`Cannot copy an image into ${kind}: no engine was given`);
  }

  /** Closes all of it. */
  [Symbol.dispose](): void {
    for (const host of this.#hosts.values()) host[Symbol.dispose]();
    this.#hosts.clear();
    for (const place of this.#layouts.values()) place[Symbol.dispose]();
    this.#layouts.clear();
    this.#hashers[Symbol.dispose]();
  }
}
