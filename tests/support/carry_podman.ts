import { assertEquals, assertNotEquals } from "@std/assert";
import { digestHex } from "../../lib/base/digest_text.ts";
import { lockNixFolder } from "../../lib/nix/folder/lock_nix_folder.ts";
import type { OperationEvent } from "../../lib/operation/event.ts";
import type { TaskContextOptions } from "../../lib/runner/context.ts";
import { baseImage, type BaseImageResult } from "../../tasks/base_image/base_image.ts";
import type { CarryStoreOptions, CarryStoreResult } from "../../tasks/store/store.ts";
import { carryPrograms, CarryRoom } from "./carry_room.ts";
import { PodmanWorld } from "./podman.ts";
import { realTest } from "./real.ts";

/** A {@linkcode CarryRoom} beside a podman of its own, which has the images too. */
export class PodmanRoom implements AsyncDisposable {
  /** What the carries noted, but for how long podman takes to answer. */
  readonly notes: string[] = [];

  private constructor(readonly room: CarryRoom, readonly world: PodmanWorld) {}

  /** Starts it. */
  static async make(): Promise<PodmanRoom> {
    return new PodmanRoom(await CarryRoom.make(), await PodmanWorld.make());
  }

  /** Brings an image of the registry into podman, and finds it. */
  async pull(nixVersion: string, context: TaskContextOptions = {}): Promise<BaseImageResult> {
    const { repository } = this.room;
    const engines = { podman: { args: this.world.args } };
    const to = "podman:nix";
    return await baseImage({ nixVersion, repository, to, engines }, {
      ...this.room.context,
      ...context,
    });
  }

  /** Carries a store to the folder of the room. */
  async carry(
    base: BaseImageResult,
    options: Partial<CarryStoreOptions> = {},
    context: TaskContextOptions = {},
  ): Promise<CarryStoreResult> {
    const report = (event: OperationEvent) => {
      if (event.type !== "note" || event.message.startsWith("waiting for podman")) return;
      this.notes.push(event.message);
    };
    const engine = { kind: "podman", args: this.world.args } as const;
    return await this.room.carry(base, { engine, ...options }, { report, ...context });
  }

  /** Begins a carry that waits for the lock of the folder, the image in its hands, until it is let go. */
  async hold(
    base: BaseImageResult,
    options: Partial<CarryStoreOptions> = {},
    context: TaskContextOptions = {},
  ): Promise<{ carrying: Promise<CarryStoreResult>; letGo: () => void }> {
    await Deno.mkdir(this.room.nix.path, { recursive: true });
    const { signal } = new AbortController();
    const lock = await lockNixFolder(this.room.nix, { timeoutMs: 1000, onWait() {}, signal });
    const letGo = () => lock[Symbol.dispose]();
    const waits = Promise.withResolvers<void>();
    const report = (event: OperationEvent) => {
      if (event.type === "note" && event.message.startsWith("another run")) waits.resolve();
    };
    const carrying = this.carry(base, options, { ...context, report });
    try {
      await Promise.race([waits.promise, carrying]);
      assertNotEquals(await this.mounted(), "");
    } catch (error) {
      letGo();
      throw error;
    }
    return { carrying, letGo };
  }

  /** What podman prints. */
  async podman(...args: string[]): Promise<string> {
    return (await this.world.engine.must(args, "ask")).trim();
  }

  /** The images that podman has mounted. */
  async mounted(): Promise<string> {
    return await this.podman("image", "mount");
  }

  /** Where podman keeps the files of an image that is not mounted. */
  async filesOf({ configDigest }: BaseImageResult): Promise<string> {
    const folder = await this.podman("image", "mount", digestHex(configDigest));
    await this.podman("image", "unmount", digestHex(configDigest));
    assertEquals(await this.mounted(), "");
    return folder;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.world[Symbol.asyncDispose]();
    await this.room[Symbol.asyncDispose]();
  }
}

/** A test in such a room, as root, to whom alone podman shows the files of an image; afterwards podman has no image mounted. */
export function podmanTest(
  name: string,
  run: (ground: PodmanRoom) => Promise<void>,
  programs: readonly string[] = [],
): void {
  realTest(name, [...carryPrograms, "podman", "runc", "root", ...programs], async () => {
    await using ground = await PodmanRoom.make();
    await run(ground);
    assertEquals(await ground.mounted(), "");
  });
}
