import { join } from "@std/path";
import { digestHex } from "../../lib/base/digest_text.ts";
import { Cache } from "../../lib/cache/cache.ts";
import { NixFolder } from "../../lib/nix/folder/nix_folder.ts";
import type { TaskContextOptions } from "../../lib/runner/context.ts";
import { baseImage, type BaseImageResult } from "../../tasks/base_image/base_image.ts";
import {
  carryStore,
  type CarryStoreOptions,
  type CarryStoreResult,
} from "../../tasks/store/store.ts";
import { type NixImage, pushNixImage } from "./nix_image.ts";
import { type ImagePath, layersOf, type MadeStore, makeStore } from "./nix_store_image.ts";
import { type RunningRegistry, startRegistry } from "./registry.ts";
import { removeTree } from "./remove_tree.ts";

/** What a {@linkcode CarryRoom} needs to be installed. */
export const carryPrograms: readonly string[] = ["nix", "docker-registry", "tar"];

const common: ImagePath[] = [
  { name: "libc", files: { "lib/libc.so": "x libc", "lib/libc.so.6": "-> libc.so", "empty": "" } },
  { name: "shell", files: { "bin/sh": "x shell" }, needs: ["libc", "shell"] },
];

/** The paths of a small store with some version of Nix: two of them are the same in every version. */
export function nixPaths(version: string): ImagePath[] {
  return [...common, {
    name: `nix-${version}`,
    files: { "bin/nix": `x ${version}`, "etc/profile.d/nix.sh": `# ${version}` },
    needs: ["shell", "libc"],
  }];
}

/**
 * A version whose paths no other test and no other run has: what a program has in use stays in every store of this machine that has a path
 * of that name.
 */
export function ownVersion(): string {
  return `2.7.${crypto.getRandomValues(new Uint32Array(1))[0]}`;
}

/** A registry with images of Nix, and a folder that their stores are carried to. */
export class CarryRoom implements AsyncDisposable {
  private constructor(readonly folder: string, readonly registry: RunningRegistry) {}

  /** Starts it. */
  static async make(): Promise<CarryRoom> {
    return new CarryRoom(
      await Deno.makeTempDir({ prefix: "kedge-carry-" }),
      await startRegistry(),
    );
  }

  /** What is mounted as `/nix`. */
  get nix(): NixFolder {
    return new NixFolder(join(this.folder, "nix"));
  }

  /** The repository of the images. */
  get repository(): string {
    return `${this.registry.host}/nixos/nix`;
  }

  /** What tasks run in. */
  get context(): TaskContextOptions {
    return { cache: new Cache(join(this.folder, "cache")) };
  }

  /** Makes a store for an image. */
  async store(tag: string, paths: readonly ImagePath[] = nixPaths(tag)): Promise<MadeStore> {
    return await makeStore(join(this.folder, `root-${tag}`), paths);
  }

  /** Pushes an image with some layers, those of a small store without any, finds it, and has it copied `to` some place, where one is named. */
  async image(
    tag: string,
    layers?: readonly Uint8Array[],
    more: Partial<NixImage> = {},
    to?: string,
  ): Promise<BaseImageResult> {
    const contents = layers ?? await layersOf(await this.store(tag));
    const image = { label: tag, layers: contents, ...more };
    await pushNixImage(this.folder, this.registry.host, tag, [image]);
    const { platform } = more;
    return await baseImage({
      nixVersion: tag,
      repository: this.repository,
      to,
      ...(platform === undefined ? {} : { platform: `${platform.os}/${platform.architecture}` }),
    }, this.context);
  }

  /** Carries a store to the folder of this room. */
  async carry(
    base: BaseImageResult,
    options: Partial<CarryStoreOptions> = {},
    context: TaskContextOptions = {},
  ): Promise<CarryStoreResult> {
    return await carryStore({ base, to: { folder: this.nix.path }, ...options }, {
      ...this.context,
      ...context,
    });
  }

  /** The note that an image was carried to the folder of this room. */
  notePath({ manifestDigest }: BaseImageResult): string {
    return join(this.nix.notes, "images", `${digestHex(manifestDigest)}.json`);
  }

  /** Ends it. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.registry[Symbol.asyncDispose]();
    await removeTree(this.folder);
  }
}
