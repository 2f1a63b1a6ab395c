import * as v from "valibot";
import type { Digest } from "../base/digest.ts";
import { isDigest } from "../base/digest_text.ts";
import { KedgeError } from "../base/errors.ts";
import type { StoredImage } from "../base/stored_image.ts";
import type { AskEngineOptions, ContainerEngine } from "./container_engine.ts";
import { inspectImage } from "./engine_image.ts";

const inspectSchema = v.pipe(
  v.string(),
  v.parseJson(),
  v.array(v.object({
    Id: v.string(),
    RepoTags: v.nullish(v.array(v.string())),
    RepoDigests: v.nullish(v.array(v.string())),
    RootFS: v.optional(v.object({ Layers: v.nullish(v.array(v.string())) })),
  })),
);
const mostAtOnce = 200;

/** The images that an engine holds. */
export class EngineStore {
  /** Whether a layer is kept only together with all below it: docker knows layers by their whole stack. */
  readonly stacked: boolean;
  #engine: ContainerEngine;
  readonly #onWait: AskEngineOptions["onWait"];

  /** Runs nothing yet; `onWait` is told where the engine is long about what it is asked. */
  constructor(engine: ContainerEngine, onWait?: AskEngineOptions["onWait"]) {
    this.#engine = engine;
    this.#onWait = onWait;
    this.stacked = engine.kind === "docker";
  }

  /** The image of a name, or `undefined`. */
  async find(
    name: string,
    signal: AbortSignal,
  ): Promise<Pick<StoredImage, "id" | "names"> | undefined> {
    const held = await inspectImage(this.#engine, name, { signal, onWait: this.#onWait });
    return held === undefined ? undefined : { ...held, id: this.#digest(held.id) };
  }

  /** All images, those without a name too. */
  async images(signal: AbortSignal): Promise<StoredImage[]> {
    const list = ["images", "--quiet", "--no-trunc"];
    const asked = { signal, onWait: this.#onWait };
    const { code, stdout, stderr } = await this.#engine.ask("its images", list, asked);
    if (code !== 0) throw this.#engine.failed("list the images", code, stderr);
    const ids = [...new Set(stdout.split("\n").map((line) => line.trim()).filter(Boolean))];
    const images: StoredImage[] = [];
    for (let from = 0; from < ids.length; from += mostAtOnce) {
      const args = ["image", "inspect", ...ids.slice(from, from + mostAtOnce)];
      // An image may go between the two: then the others are described all the same.
      const { stdout } = await this.#engine.ask("its images", args, asked);
      const parsed = v.safeParse(inspectSchema, stdout);
      for (const each of parsed.success ? parsed.output : []) {
        const { Id, RootFS, RepoTags, RepoDigests } = each;
        const names = [...RepoTags ?? [], ...RepoDigests ?? []];
        images.push({ id: this.#digest(Id), layers: RootFS?.Layers ?? [], names });
      }
    }
    return images;
  }

  /** Fetches an image of a registry on loopback, which is spoken to in plain HTTP. */
  async pull(reference: string, signal: AbortSignal): Promise<void> {
    const plain = this.#engine.kind === "podman" ? ["--tls-verify=false"] : [];
    const args = ["pull", "--quiet", ...plain, reference];
    await this.#engine.must(args, `let ${this.#engine.kind} fetch the image`, { signal });
  }

  /** Gives an image a name; what had it before loses it. */
  async tag(image: string, name: string, signal: AbortSignal): Promise<void> {
    await this.#engine.must(["tag", image, name], `name the image "${name}"`, { signal });
  }

  /** Takes a name away, and the image with its last one. */
  async untag(name: string, signal: AbortSignal): Promise<void> {
    await this.#engine.must(["rmi", name], `take the name "${name}" away`, { signal });
  }

  #digest(id: string): Digest {
    const digest = id.startsWith("sha256:") ? id : `sha256:${id}`;
    if (isDigest(digest)) return digest;
    throw new KedgeError(
      `Cannot read what ${this.#engine.kind} says of an image: "${
        id.slice(0, 80)
      }" is not a digest`,
    );
  }
}
