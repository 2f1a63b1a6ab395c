/** Both ends of an export and an import. @module */
import { join } from "@std/path";
import { NixFolder } from "../../lib/nix/folder/nix_folder.ts";
import type { TaskContextOptions } from "../../lib/runner/context.ts";
import {
  type CopyStoreResult,
  exportStore,
  type ExportStoreOptions,
  importStore,
  type ImportStoreOptions,
} from "../../tasks/store/copy_store.ts";
import { carryPrograms, CarryRoom } from "./carry_room.ts";
import { validWithNix } from "./nix_store_image.ts";
import { realTest } from "./real.ts";

/** A carried store, a second folder, and a folder for a binary cache. */
export class Ends implements AsyncDisposable {
  private constructor(readonly room: CarryRoom, readonly paths: string[]) {}

  static async make(): Promise<Ends> {
    const room = await CarryRoom.make();
    await room.carry(await room.image("2.8.0"));
    return new Ends(room, await validWithNix(room.nix.uri));
  }

  get cache(): string {
    return `file://${join(this.room.folder, "binary-cache")}`;
  }

  get second(): NixFolder {
    return new NixFolder(join(this.room.folder, "second"));
  }

  of(name: string): string {
    return this.paths.find((path) => path.endsWith(`-${name}`))!;
  }

  async export(options: Partial<ExportStoreOptions> = {}): Promise<CopyStoreResult> {
    return await exportStore(
      { from: { folder: this.room.nix.path }, to: this.cache, ...options },
      this.room.context,
    );
  }

  async import(
    options: Partial<ImportStoreOptions> = {},
    context: TaskContextOptions = {},
  ): Promise<CopyStoreResult> {
    const to = { folder: this.second.path };
    return await importStore(
      { from: this.cache, to, paths: [this.of("nix-2.8.0")], ...options },
      { ...this.room.context, ...context },
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.room[Symbol.asyncDispose]();
  }
}

/** A test with both ends. */
export function endsTest(
  name: string,
  run: (ends: Ends) => Promise<void>,
  needs: readonly string[] = [],
): void {
  realTest(name, [...carryPrograms, ...needs], async () => {
    await using ends = await Ends.make();
    await run(ends);
  });
}
