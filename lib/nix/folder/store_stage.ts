/**
 * Where store paths lie until they are whole and proven.
 *
 * Invariants: a path comes into the store in one rename, and only after its NAR was hashed and found to be what the database will say of it;
 * what stands in the store under its name without being valid is removed first, as Nix itself does, unless a Nix is placing it; what a killed run left is
 * gone at the next one, and what it placed is noted as loose.
 *
 * @module
 */
import { join, relative } from "@std/path";
import { KedgeError, VerificationError } from "../../base/errors.ts";
import { Beneath } from "./beneath.ts";
import { hashNar } from "../nar/hash_nar.ts";
import { isBeingPlaced, LoosePaths } from "./loose_paths.ts";
import type { NarSummary } from "../nar/nar_verifier.ts";
import type { NixFolder } from "./nix_folder.ts";
import type { PathInfo } from "../path_info.ts";
import { removeBelow } from "./remove_below.ts";
import { removeTree } from "./remove_tree.ts";
import { StoreTree } from "./store_tree.ts";

/** What proving a path needs of what is known of it. */
export type ExpectedNar = Pick<PathInfo, "storePath" | "narHash" | "narSize">;

/** Store paths under way into one folder. */
export class StoreStage implements AsyncDisposable {
  readonly #folder: NixFolder;
  readonly #work: string;
  readonly #trees = new Map<string, StoreTree>();
  readonly #beneath: Beneath;
  readonly #store: Beneath;

  private constructor(folder: NixFolder, work: string) {
    this.#folder = folder;
    this.#work = work;
    this.#beneath = new Beneath(folder.path);
    this.#store = new Beneath(folder.path);
  }

  /** Makes an empty one for these paths; whoever calls holds the lock of the folder. */
  static async make(
    folder: NixFolder,
    expected: Iterable<Pick<ExpectedNar, "storePath" | "narSize">>,
  ): Promise<StoreStage> {
    await using made = new AsyncDisposableStack();
    const stage = made.use(new StoreStage(folder, join(folder.staging, crypto.randomUUID())));
    await removeBelow(stage.#beneath, stage.#below(folder.staging));
    const coming = [...expected].map(({ storePath: { baseName }, narSize }) => ({
      baseName,
      narSize,
    }));
    await new LoosePaths(folder).add(coming);
    for (const path of [stage.#work, folder.store]) stage.#beneath.makeFolder(stage.#below(path));
    made.move();
    return stage;
  }

  /** Where a path is written; its files may have so many bytes together. */
  tree(baseName: string, mostBytes?: number): StoreTree {
    const standing = this.#trees.get(baseName);
    if (standing !== undefined) return standing;
    const tree = new StoreTree(join(this.#work, baseName), mostBytes, this.#beneath);
    this.#trees.set(baseName, tree);
    return tree;
  }

  /** The tree of a path of which something was written already. */
  begun(baseName: string): StoreTree | undefined {
    return this.#trees.get(baseName);
  }

  /**
   * Proves a path that was written, and brings it into the store; it is not valid before the database says so.
   *
   * @throws {VerificationError} if nothing, or something else, was written
   */
  async place(expected: ExpectedNar, signal: AbortSignal): Promise<void> {
    const { baseName } = expected.storePath;
    const tree = this.#trees.get(baseName);
    if (tree === undefined || tree.isEmpty) {
      throw new VerificationError(
        `Cannot use "${expected.storePath.path}": its source names it and does not hold it`,
        { side: "source" },
      );
    }
    tree.close();
    const { narSize } = expected;
    const written = tree.summary() ?? await hashNar(tree.root, { narSize, signal });
    compare(written, expected, tree.root);
    await this.#move(baseName, tree.root);
  }

  /** Brings a path into the store if its NAR, as it was hashed while it was written, is the expected one; `false` if it is not. */
  async placeIfWhole(expected: ExpectedNar): Promise<boolean> {
    const { baseName } = expected.storePath;
    const summary = this.#trees.get(baseName)?.summary();
    const isWhole = summary?.narHash === expected.narHash && summary.narSize === expected.narSize;
    if (isWhole) await this.placeProven(baseName);
    return isWhole;
  }

  /** The folder of what is under way, where others may write too, each in a folder of its own. */
  get folder(): string {
    return this.#work;
  }

  /** Brings a path into the store that was written there, and proven, by somebody else. */
  async adopt(baseName: string, path: string): Promise<void> {
    await this.#move(baseName, path);
  }

  /** Brings a path into the store whose NAR was hashed while it was written. */
  async placeProven(baseName: string): Promise<void> {
    const tree = this.tree(baseName);
    tree.close();
    await this.#move(baseName, tree.root);
  }

  async #move(baseName: string, path: string): Promise<void> {
    const target = this.#folder.pathOf(baseName);
    const place = this.#below(target);
    if (await isBeingPlaced(this.#folder, baseName)) {
      throw new KedgeError(`Cannot write "${target}": a Nix is about to write it too`, {
        side: "destination",
        hint: "run the same command again when what it builds or copies there is done",
      });
    }
    await this.#store.use(place, removeTree);
    this.#beneath.use(
      this.#below(path),
      (from) => this.#store.use(place, (to) => Deno.renameSync(from, to)),
    );
    const { isDirectory } = this.#store.use(place, Deno.lstatSync);
    if (isDirectory) this.#store.settleFolder(place, { mode: 0o555 });
    this.#trees.delete(baseName);
  }

  #below(path: string): string {
    return relative(this.#folder.path, path);
  }

  /** Removes what was not placed. */
  async [Symbol.asyncDispose](): Promise<void> {
    for (const tree of this.#trees.values()) tree[Symbol.dispose]();
    this.#store[Symbol.dispose]();
    using beneath = this.#beneath;
    await removeBelow(beneath, this.#below(this.#work)).catch((error) => {
      // What was put in the place of a folder is nothing of this run's.
      if (!(error instanceof VerificationError)) throw error;
    });
  }
}

/**
 * Hashes what lies at a place as a NAR.
 *
 * @throws {VerificationError} if it is not the one that is expected
 */
export async function proveNar(
  path: string,
  expected: ExpectedNar,
  signal?: AbortSignal,
): Promise<void> {
  const { narSize } = expected;
  compare(await hashNar(path, { narSize, signal }), expected, path);
}

function compare({ narHash, narSize }: NarSummary, expected: ExpectedNar, path: string): void {
  if (narHash === expected.narHash && narSize === expected.narSize) return;
  throw new VerificationError(
    `Cannot use "${expected.storePath.path}": its NAR has the hash ${narHash} and ${narSize} bytes ` +
      `instead of ${expected.narHash} and ${expected.narSize}`,
    { data: { expected: expected.narHash, actual: narHash, path } },
  );
}
