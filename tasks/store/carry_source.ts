/**
 * Where the store of a base image is read.
 *
 * Invariants: an image is known by its digests alone, whatever its names point to by now; a copy in podman is read there where this process
 * sees its files, one in a layout or a registry in its layers, and any other image in the registry that it came from; podman's files are
 * given back when the work ends, however it ends, and what was read of them counts only if podman had the image until then.
 *
 * @module
 */
import { digestHex } from "../../lib/base/digest_text.ts";
import { KedgeError, UnreachableError, VerificationError } from "../../lib/base/errors.ts";
import { isDenied } from "../../lib/base/files.ts";
import { silentMeter } from "../../lib/base/meter.ts";
import { LayeredStore } from "../../lib/carry/layered_store.ts";
import { LayerMemory } from "../../lib/carry/layer_memory.ts";
import { MountedStore } from "../../lib/carry/mounted_store.ts";
import type { StoreSource } from "../../lib/carry/store_source.ts";
import { findEngine } from "../../lib/container/container_engine.ts";
import { type MountedImage, mountImage } from "../../lib/container/mounted_image.ts";
import { CarriedImages } from "../../lib/nix/folder/carried_images.ts";
import type { NixFolder } from "../../lib/nix/folder/nix_folder.ts";
import { parseReference } from "../../lib/oci/reference.ts";
import type { Step } from "../../lib/operation/operation.ts";
import type { TaskContext } from "../../lib/runner/context.ts";
import { openImageHosts } from "../shared/registries.ts";
import type { CarryStoreOptions } from "./store.ts";
import type { NixPlace } from "./nix_place.ts";

/** Opens the store of one base image. */
export class CarrySource {
  readonly #options: CarryStoreOptions;
  readonly #place: NixPlace;
  readonly #context: TaskContext;
  readonly #opened: AsyncDisposableStack;
  #image: MountedImage | undefined;
  #returned: Promise<boolean> | undefined;

  /** Asks nobody yet; what is opened is closed with `opened`. */
  constructor(
    options: CarryStoreOptions,
    place: NixPlace,
    context: TaskContext,
    opened: AsyncDisposableStack,
  ) {
    this.#options = options;
    this.#place = place;
    this.#context = context;
    this.#opened = opened;
  }

  /**
   * Opens it for a folder, whose notes tell of other images that may share layers with it.
   *
   * @throws {UnreachableError} if only a registry has it, and none may be asked
   */
  async open(folder: NixFolder | undefined, step: Step): Promise<StoreSource> {
    const { base } = this.#options;
    const { copy = base.reference, copyAhead = "" } = base;
    if (this.#context.dryRun && /^(oci|podman):/.test(copyAhead)) {
      return unasked(await this.#layers(base.reference, folder, { ...step, meter: silentMeter }));
    }
    const engine = /^(podman|docker-daemon):/.exec(copy)?.[1];
    if (engine === undefined) return await this.#layers(copy, folder, step);
    const found = engine === "podman"
      ? await this.#mounted(copy, step)
      : "docker shows nobody the files of its images";
    if (typeof found !== "string") return found;
    const layers = await this.#layers(base.reference, folder, step, `"${copy}": ${found}`);
    step.meter.note(`reading the layers of "${base.reference}", and not "${copy}": ${found}`);
    return layers;
  }

  /**
   * Does what reads it.
   *
   * @throws {VerificationError} if that failed, and podman has the image no more
   */
  async reading<T>(read: () => Promise<T>): Promise<T> {
    try {
      return await read();
    } catch (cause) {
      if (!this.#context.signal.aborted) this.#checkStayed(await this.#image?.giveBack(), cause);
      throw cause;
    }
  }

  /** Lets podman have its files back, all of them read, while something else is done; who closes what was opened is told where that fails. */
  release(): void {
    this.#returned = this.#image?.giveBack();
    this.#returned?.catch(() => undefined);
  }

  /**
   * Waits until podman has its files back. What is missed of files that go while they are read need not be an error: a link is just not found.
   *
   * @throws {VerificationError} if podman had the image no more by then
   */
  async checkReleased(): Promise<void> {
    this.#checkStayed(await this.#returned);
  }

  /** Reads layers; `unread` tells of a copy that cannot be read. */
  async #layers(
    from: string,
    folder: NixFolder | undefined,
    { meter, signal }: Step,
    unread?: string,
  ): Promise<StoreSource> {
    const { base } = this.#options;
    const { cache, offline } = this.#context;
    const reference = parseReference(from);
    if (offline && reference.transport === "docker") throw this.#notHere(unread);
    const hosts = this.#opened.use(
      await openImageHosts(this.#options, this.#context, { meter, signal }),
    );
    const source = await hosts.source({ ...reference, digest: base.manifestDigest });
    const manifest = await source.resolve();
    if (manifest.kind !== "image" || manifest.digest !== base.manifestDigest) {
      throw new VerificationError(
        `Cannot use "${source.name}": it is not an image for one platform`,
      );
    }
    const notes = folder === undefined ? undefined : await new CarriedImages(folder).all();
    const others = notes?.images.map((each) => each.digest) ?? [];
    const memory = await LayerMemory.recall(cache, base.manifestDigest, others);
    return new LayeredStore(source, manifest.blobs.slice(1), { memory, meter });
  }

  /** Has podman show the files of its copy; where it cannot, says why. */
  async #mounted(copy: string, { meter, signal }: Step): Promise<StoreSource | string> {
    const { base: { configDigest }, engine: called } = this.#options;
    if (configDigest === undefined) return "the digest of its config is not given";
    await using held = new AsyncDisposableStack();
    let folder = "";
    try {
      const engine = await findEngine({
        ...(called?.kind === "docker" ? {} : called),
        kind: "podman",
      });
      const onLeft = (message: string) => meter.note(message, "warning");
      const image = held.use(
        await mountImage(engine, digestHex(configDigest), { onLeft, signal }),
      );
      ({ folder } = image);
      const store = new MountedStore(copy, folder);
      if (!store.isThere()) return `this machine sees no Nix database in "${folder}"`;
      this.#opened.use(held.move());
      this.#image = image;
      return store;
    } catch (error) {
      if (isDenied(error) || error instanceof Deno.errors.NotCapable) {
        return `this process may not look into "${folder}"`;
      }
      const isRefusal = error instanceof KedgeError && !(error instanceof VerificationError);
      if (signal.aborted || !isRefusal) throw error;
      return error.message;
    }
  }

  #checkStayed(stayed: boolean | undefined, cause?: unknown): void {
    if (stayed !== false) return;
    throw new VerificationError(
      `Cannot use "${this.#options.base.copy}": it was removed from podman while it was read`,
      { cause, side: "source", hint: "run the same command again" },
    );
  }

  #notHere(unread: string | undefined): UnreachableError {
    const why = unread === undefined ? "" : `, its copy cannot be read (${unread})`;
    return new UnreachableError(
      `Cannot carry the store of "${this.#options.base.reference}": it is not in ${this.#place.label}${why}, and no registry may be asked`,
      {
        hint: unread === undefined
          ? "run once without --offline, or bring the image to a layout first"
          : "run once without --offline, bring the image to a layout (oci:DIR:TAG) first, or run as the user whose podman has it",
      },
    );
  }
}

/** A store for a dry run that asks a registry only since there is no copy yet: the run reads the copy, which costs no request. */
function unasked(store: StoreSource): StoreSource {
  return {
    survey: (work, signal) => store.survey(work, signal),
    requestsToRead: () => Promise.resolve(0),
    unpack: (options) => store.unpack(options),
  };
}
