/** Base images in a registry. @module */
import { join } from "@std/path";
import { Cache } from "../../lib/cache/cache.ts";
import { machinePlatform } from "../../lib/oci/platform.ts";
import type { TaskContextOptions } from "../../lib/runner/context.ts";
import {
  baseImage,
  type BaseImageOptions,
  type BaseImageResult,
} from "../../tasks/base_image/base_image.ts";
import { type NixImage, pushNixImage } from "./nix_image.ts";
import { type RunningRegistry, startRegistry } from "./registry.ts";
import { removeTree } from "./remove_tree.ts";

/** Another architecture than that of this machine. */
export const other = machinePlatform().architecture === "amd64" ? "arm64" : "amd64";

/** Its platform. */
export const foreign = { os: "linux", architecture: other };

/** A registry with base images, and a folder with a cache. */
export class Room implements AsyncDisposable {
  private constructor(readonly folder: string, readonly registry: RunningRegistry) {}

  static async make(): Promise<Room> {
    return new Room(await Deno.makeTempDir(), await startRegistry());
  }

  async push(tag: string, ...images: NixImage[]): Promise<string> {
    return await pushNixImage(this.folder, this.registry.host, tag, images);
  }

  get repository(): string {
    return `${this.registry.host}/nixos/nix`;
  }

  get cacheDir(): string {
    return join(this.folder, "cache");
  }

  async run(
    options: BaseImageOptions = {},
    context: TaskContextOptions = {},
  ): Promise<BaseImageResult> {
    return await baseImage({ repository: this.repository, ...options }, {
      cache: new Cache(this.cacheDir),
      ...context,
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.registry[Symbol.asyncDispose]();
    await removeTree(this.folder);
  }
}

/** What the tests need. */
export const registry = ["docker-registry"];
