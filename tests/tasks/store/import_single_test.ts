/** importStore() of a path by itself: what it needs must be there, by Nix's database and on the disk. */
import { assertEquals, assertRejects } from "@std/assert";
import { join } from "@std/path";
import { IncompleteError } from "../../../lib/base/errors.ts";
import { lockNixFolder } from "../../../lib/nix/folder/lock_nix_folder.ts";
import { planNixPrune, pruneNixFolder } from "../../../lib/nix/folder/prune_nix_folder.ts";
import { removeTree } from "../../../lib/nix/folder/remove_tree.ts";
import type { OperationEvent } from "../../../lib/operation/event.ts";
import type { TaskContextOptions } from "../../../lib/runner/context.ts";
import { type CopyStoreResult, exportStore, importStore } from "../../../tasks/store/copy_store.ts";
import { carryPrograms, CarryRoom } from "../../support/carry_room.ts";
import { lockOptions } from "../../support/nix_folder.ts";
import { layersOf, validWithNix, verifyWithNix } from "../../support/nix_store_image.ts";
import { realTest } from "../../support/real.ts";

const inner = { name: "inner" };
const outer = { name: "outer", needs: ["inner"] };

/** A folder that holds the inner path, and a binary cache that holds the outer one too. */
class Single {
  private constructor(
    readonly room: CarryRoom,
    readonly paths: Record<string, string>,
  ) {}

  static async make(room: CarryRoom): Promise<Single> {
    const { paths, ...both } = await room.store("2.8.0", [inner, outer]);
    const other = { folder: join(room.folder, "other") };
    await room.carry(await room.image("2.8.0", await layersOf({ paths, ...both })), { to: other });
    await exportStore({ from: other, to: `file://${room.folder}/binary-cache` }, room.context);
    const one = await room.store("2.8.1", [inner]);
    await room.carry(await room.image("2.8.1", await layersOf(one)));
    return new Single(room, paths);
  }

  /** The path of a name in the folder. */
  pathOf(name: string): string {
    return this.room.nix.pathOf(this.paths[name]!);
  }

  /** Imports the outer path, and nothing else. */
  async import(context: TaskContextOptions = {}): Promise<CopyStoreResult> {
    const { room, paths } = this;
    const options = { paths: [`/nix/store/${paths["outer"]}`], closure: false };
    return await importStore({
      ...options,
      from: `file://${room.folder}/binary-cache`,
      to: { folder: room.nix.path },
    }, { ...room.context, ...context });
  }

  get refusal(): string {
    return `Cannot import "/nix/store/${this.paths["outer"]}": it needs "${
      this.paths["inner"]
    }", which is not there`;
  }
}

realTest(
  "importStore() brings no single path where the files of one that it needs are gone",
  carryPrograms,
  async () => {
    await using room = await CarryRoom.make();
    const single = await Single.make(room);
    await removeTree(single.pathOf("inner"));
    await assertRejects(() => single.import(), IncompleteError, single.refusal);
    assertEquals((await validWithNix(room.nix.uri)).length, 1);
    const base = await room.image("2.8.1", await layersOf(await room.store("2.8.1", [inner])));
    assertEquals((await room.carry(base)).pathsMoved, 1);
    assertEquals((await single.import()).pathsMoved, 1);
    await verifyWithNix(room.nix.uri);
  },
);

realTest(
  "importStore() brings no single path where a prune took what it needs meanwhile",
  carryPrograms,
  async () => {
    await using room = await CarryRoom.make();
    const single = await Single.make(room);
    await room.carry(
      await room.image("2.8.2", await layersOf(await room.store("2.8.2", [{ name: "else" }]))),
    );
    const waiting = Promise.withResolvers<void>();
    const report = (event: OperationEvent) => {
      if (event.type === "note" && event.message.includes("another run")) waiting.resolve();
    };
    let importing: Promise<unknown>;
    {
      using _lock = await lockNixFolder(room.nix, { ...lockOptions, deleting: true });
      importing = assertRejects(() => single.import({ report }), IncompleteError, single.refusal);
      await waiting.promise;
      const plan = await planNixPrune(room.nix, 0);
      await pruneNixFolder(room.nix, plan, () => {}, lockOptions.signal);
    }
    await importing;
    assertEquals((await validWithNix(room.nix.uri)).length, 1);
    await verifyWithNix(room.nix.uri);
  },
);
