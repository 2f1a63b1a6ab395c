/**
 * Unpacks layers on a thread of its own, each into a folder of its own, and says which store paths are whole in it.
 *
 * Invariants: a file counts as a layer only if it was hashed to its last byte; a path is named as whole only if its NAR is the expected one;
 * nothing is written outside the folder of the layer; what is not whole here, or cannot be unpacked, is left to whoever asked, who says what
 * is wrong with it.
 *
 * @module
 */
import { join, relative } from "@std/path";
import type { Digest } from "../base/digest.ts";
import type { TarContents } from "../base/tar_reader.ts";
import { workerPort } from "../base/worker_port.ts";
import { Beneath } from "../nix/folder/beneath.ts";
import { hashNar } from "../nix/nar/hash_nar.ts";
import { NixFolder } from "../nix/folder/nix_folder.ts";
import { StoreTree } from "../nix/folder/store_tree.ts";
import type { Descriptor } from "../oci/descriptor.ts";
import type { LayerMember } from "../oci/layer_members.ts";
import { verified } from "../oci/verified.ts";
import { DatabaseFiles } from "./database_files.ts";
import type { LayerFacts } from "./layer_memory.ts";
import { type MemberTaker, readLayer } from "./read_layer.ts";
import type { WantedPath } from "./store_source.ts";
import { type StoreTrees, takeMember } from "./take_member.ts";

/** A file that seems to hold a layer. */
export interface LayerFile extends Descriptor {
  /** Where it is. */
  path: string;
}

/** What the worker is told: what is wanted, once; then layers, each in a file or piece by piece. */
export type LayerOrder =
  | { folder: string; work: string; wanted: readonly WantedPath[]; linksBytes: number }
  | { layer: number; begin: string; file: LayerFile | undefined }
  | { layer: number; piece: Uint8Array<ArrayBuffer> }
  | { layer: number; end: "whole" | "cut" }
  | { stop: true };

/** What was found in a layer. */
export interface LayerReading {
  /** What it holds. */
  facts: LayerFacts;
  /** The digests of the database's files in it, by their names. */
  database: ReadonlyMap<string, Digest>;
  /** The wanted paths that are whole in it, and where they were written. */
  whole: readonly { baseName: string; path: string }[];
}

/** What the worker tells: bytes that were used up; a layer that was read to its end, or could not be; and that it stopped. */
export type LayerReport =
  | { layer: number; usedBytes: number }
  | { layer: number; reading: LayerReading | undefined }
  | { stopped: true };

const port = workerPort<LayerOrder, LayerReport>();

const bufferBytes = 1024 * 1024;

/** The bytes of a layer. */
class LayerBytes {
  #waiting: Uint8Array[] = [];
  #end: "whole" | "cut" | undefined;
  #come = Promise.withResolvers<void>();

  /** Whether all of them came. */
  get isWhole(): boolean {
    return this.#end === "whole";
  }

  push(piece: Uint8Array): void {
    this.#waiting.push(piece);
    this.#come.resolve();
  }

  end(how: "whole" | "cut"): void {
    this.#end ??= how;
    this.#come.resolve();
  }

  /** Those of a file, proven. */
  async *readFile(file: LayerFile, name: string): AsyncGenerator<Uint8Array> {
    yield* verified(file, this.#pieces(file), { name });
    this.end("whole");
  }

  async *#pieces({ path, size }: LayerFile): AsyncGenerator<Uint8Array> {
    using file = await Deno.open(path);
    const buffer = new Uint8Array(Math.min(bufferBytes, size + 1));
    for (;;) {
      // Waiting lets the thread hear that the layer is not wanted any more.
      const count = await file.read(buffer);
      this.#checkWanted();
      if (count === null) return;
      yield buffer.subarray(0, count);
    }
  }

  /** Those that come piece by piece, which whoever sends them proves. */
  async *read(onUsed: (usedBytes: number) => void): AsyncGenerator<Uint8Array> {
    for (;;) {
      this.#checkWanted();
      const piece = this.#waiting.shift();
      if (piece !== undefined) {
        yield piece;
        onUsed(piece.length);
      } else if (this.#end === "whole") return;
      else {
        await this.#come.promise;
        this.#come = Promise.withResolvers();
      }
    }
  }

  #checkWanted(): void {
    if (this.#end === "cut") throw new Error("the layer does not go on");
  }
}

/** The wanted paths of one layer. */
class LayerUnpacking implements MemberTaker, StoreTrees, Disposable {
  readonly #folder: NixFolder;
  readonly #work: string;
  readonly #wanted: ReadonlyMap<string, WantedPath>;
  readonly #trees = new Map<string, StoreTree>();
  readonly #beneath: Beneath;

  constructor(folder: NixFolder, work: string, wanted: ReadonlyMap<string, WantedPath>) {
    this.#folder = folder;
    this.#work = work;
    this.#wanted = wanted;
    using opened = new DisposableStack();
    this.#beneath = opened.use(new Beneath(folder.path));
    this.#beneath.use(relative(folder.path, work), (name) => Deno.mkdirSync(name));
    opened.move();
  }

  wants(baseName: string): boolean {
    return this.#wanted.has(baseName);
  }

  tree(baseName: string): StoreTree {
    const tree = this.begun(baseName) ??
      new StoreTree(
        join(this.#work, baseName),
        this.#wanted.get(baseName)?.narSize ?? linksBytes,
        this.#beneath,
      );
    this.#trees.set(baseName, tree);
    return tree;
  }

  begun(baseName: string): StoreTree | undefined {
    return this.#trees.get(baseName);
  }

  take(baseName: string, rest: string, member: LayerMember): TarContents | undefined {
    return takeMember(this, this.#folder, { baseName, rest, member });
  }

  /** The paths that are whole, of which some may have to be hashed anew. */
  async whole(signal: AbortSignal): Promise<LayerReading["whole"]> {
    const whole: { baseName: string; path: string }[] = [];
    for (const [baseName, tree] of this.#trees) {
      const expected = this.#wanted.get(baseName);
      if (expected === undefined || tree.isEmpty) continue;
      tree.close();
      const { narSize } = expected;
      const written = tree.summary() ?? await hashNar(tree.root, { narSize, signal });
      if (written.narHash !== expected.narHash || written.narSize !== narSize) continue;
      whole.push({ baseName, path: tree.root });
    }
    return whole;
  }

  [Symbol.dispose](): void {
    for (const tree of this.#trees.values()) tree[Symbol.dispose]();
    this.#beneath[Symbol.dispose]();
  }
}

const stopping = new AbortController();
const underWay = new Map<number, { bytes: LayerBytes; done: Promise<void> }>();
let folder = new NixFolder("");
let work = "";
let linksBytes = 0;
const wanted = new Map<string, WantedPath>();

async function unpack(
  layer: number,
  name: string,
  bytes: LayerBytes,
  file: LayerFile | undefined,
): Promise<void> {
  let reading: LayerReading | undefined;
  try {
    using taker = new LayerUnpacking(folder, join(work, String(layer)), wanted);
    const files = new DatabaseFiles();
    const pieces = file === undefined
      ? bytes.read((usedBytes) => port.postMessage({ layer, usedBytes }))
      : bytes.readFile(file, name);
    const facts = await readLayer(pieces, name, { taker, database: files });
    const database = files.digests();
    const whole = await taker.whole(stopping.signal);
    if (file === undefined || bytes.isWhole) {
      reading = { facts, whole, database };
    }
  } catch {
    // Whoever asked reads the layer himself, and says what is wrong with it.
  }
  underWay.delete(layer);
  port.postMessage({ layer, reading });
}

port.addEventListener("message", async ({ data }) => {
  if ("wanted" in data) {
    folder = new NixFolder(data.folder);
    ({ work, linksBytes } = data);
    for (const each of data.wanted) wanted.set(each.baseName, each);
  } else if ("begin" in data) {
    const bytes = new LayerBytes();
    const done = unpack(data.layer, data.begin, bytes, data.file);
    underWay.set(data.layer, { bytes, done });
  } else if ("piece" in data) underWay.get(data.layer)?.bytes.push(data.piece);
  else if ("end" in data) underWay.get(data.layer)?.bytes.end(data.end);
  else {
    stopping.abort();
    const all = [...underWay.values()];
    for (const { bytes } of all) bytes.end("cut");
    await Promise.all(all.map(({ done }) => done));
    port.postMessage({ stopped: true });
  }
});
