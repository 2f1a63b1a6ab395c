import { join } from "@std/path";
import { Cache } from "../../lib/cache/cache.ts";
import type { TaskContextOptions } from "../../lib/runner/context.ts";
import {
  baseImage,
  type BaseImageOptions,
  type BaseImageResult,
} from "../../tasks/base_image/base_image.ts";
import { busyboxLayer } from "./busybox.ts";
import { pushNixImage } from "./nix_image.ts";
import { PodmanWorld } from "./podman.ts";
import { type RunningRegistry, startRegistry } from "./registry.ts";

/** The programs that a {@linkcode ContainerGround} takes. */
export const containerPrograms: readonly string[] = [
  "podman",
  "runc",
  "busybox",
  "docker-registry",
];

/** A podman that has nothing, beside a registry with a base image that runs busybox. */
export class ContainerGround implements AsyncDisposable {
  /** The context of tasks, with a cache of its own. */
  readonly context: TaskContextOptions & { cache: Cache };

  private constructor(readonly world: PodmanWorld, readonly registry: RunningRegistry) {
    this.context = { cache: new Cache(join(this.folder, "cache")) };
  }

  /** Starts it. */
  static async make(): Promise<ContainerGround> {
    const ground = new ContainerGround(await PodmanWorld.make(), await startRegistry());
    const layers = [await busyboxLayer(ground.folder)];
    await pushNixImage(ground.folder, ground.registry.host, "2.8.0", [{ label: "2.8.0", layers }]);
    return ground;
  }

  /** For what a test writes. */
  get folder(): string {
    return this.world.folder;
  }

  /** Where the image is. */
  get repository(): string {
    return `${this.registry.host}/nixos/nix`;
  }

  /** Finds the image. */
  async base(
    options: BaseImageOptions = {},
    context: TaskContextOptions = this.context,
  ): Promise<BaseImageResult> {
    const { repository } = this;
    return await baseImage({ nixVersion: "2.8.0", repository, ...options }, context);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.registry[Symbol.asyncDispose]();
    await this.world[Symbol.asyncDispose]();
  }
}
