import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { join } from "@std/path";
import { Cache } from "../../lib/cache/cache.ts";
import { NixFolder } from "../../lib/nix/nix_folder.ts";
import type { TaskContextOptions } from "../../lib/runner/context.ts";
import { baseImage, type BaseImageResult } from "../../tasks/base_image.ts";
import {
  carryStore,
  type CarryStoreOptions,
  type CarryStoreResult,
} from "../../tasks/carry_store.ts";
import { pushNixImage } from "../support/nix_image.ts";
import {
  type ImagePath,
  layersOf,
  makeStore,
  validWithNix,
  verifyWithNix,
} from "../support/nix_store_image.ts";
import { realTest } from "../support/real.ts";
import { type RunningRegistry, startRegistry } from "../support/registry.ts";

const programs = ["nix", "docker-registry", "tar"];

const common: ImagePath[] = [
  { name: "libc", files: { "lib/libc.so": "x libc", "lib/libc.so.6": "-> libc.so", "empty": "" } },
  { name: "shell", files: { "bin/sh": "x shell" }, needs: ["libc", "shell"] },
];
const older: ImagePath[] = [...common, {
  name: "nix-2.8.0",
  files: { "bin/nix": "x 2.8.0" },
  needs: ["shell", "libc"],
}];
const newer: ImagePath[] = [...common, {
  name: "nix-2.8.1",
  files: { "bin/nix": "x 2.8.1" },
  needs: ["shell", "libc"],
}];

/** A registry with images of Nix, and a folder that they are carried to. */
class Room implements AsyncDisposable {
  private constructor(readonly folder: string, readonly registry: RunningRegistry) {}

  static async make(): Promise<Room> {
    return new Room(await Deno.makeTempDir({ prefix: "kedge-carry-" }), await startRegistry());
  }

  get nix(): NixFolder {
    return new NixFolder(join(this.folder, "nix"));
  }

  get context(): TaskContextOptions {
    return { cache: new Cache(join(this.folder, "cache")) };
  }

  /** Makes a store, pushes it as an image, and finds that image. */
  async image(
    tag: string,
    paths: readonly ImagePath[],
    layers?: Uint8Array<ArrayBuffer>[],
  ): Promise<BaseImageResult> {
    const made = layers ?? await layersOf(await makeStore(join(this.folder, `root-${tag}`), paths));
    await pushNixImage(this.folder, this.registry.host, tag, [{ label: tag, layers: made }]);
    return await baseImage(
      { nixVersion: tag, repository: `${this.registry.host}/nixos/nix` },
      this.context,
    );
  }

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

  async [Symbol.asyncDispose](): Promise<void> {
    await this.registry[Symbol.asyncDispose]();
    await Deno.remove(this.folder, { recursive: true });
  }
}

realTest(
  "carryStore() fills a folder once, and real Nix finds every path in it whole",
  programs,
  async () => {
    await using room = await Room.make();
    const base = await room.image("2.8.0", older);
    const first = await room.carry(base);
    assertEquals([first.changed, first.paths, first.pathsMoved], [true, 3, 3]);
    await verifyWithNix(room.nix.uri);
    assertEquals((await validWithNix(room.nix.uri)).length, 3);
    const second = await room.carry(base);
    assertEquals([second.changed, second.bytesMoved, second.requests, second.pathsMoved], [
      false,
      0,
      0,
      0,
    ]);
    assertStringIncludes(second.why, "with all 3 paths, and profiles follow it");
  },
);
