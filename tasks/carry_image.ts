/**
 * The Nix store in the layers of an image, read without any container.
 *
 * Invariants: a layer is read from its source as it is, hashed to its last byte before anything that came out of it is made visible;
 * what an upper layer has or hides counts, whatever the layers below say; a layer of which is known that nothing in it is wanted is not read.
 *
 * @module
 */
import { join } from "@std/path";
import { Hasher } from "../lib/base/digest.ts";
import type { Digest } from "../lib/base/digest.ts";
import { VerificationError } from "../lib/base/errors.ts";
import type { NixLink } from "../lib/nix/nix_links.ts";
import { StoreDatabase, type StoreRow } from "../lib/nix/store_database.ts";
import { isStoreBaseName } from "../lib/nix/store_path.ts";
import type { Descriptor } from "../lib/oci/descriptor.ts";
import type { ImageSource } from "../lib/oci/image_store.ts";
import { type LayerMember, layerMembers } from "../lib/oci/layer_members.ts";
import { verified } from "../lib/oci/verified.ts";
import type { LayerFacts, LayerMemory } from "./layer_memory.ts";

/** Takes what comes out of the layers, the uppermost first. */
export interface StoreTaker {
  /** Whether a path of the store is wanted; it may be told of others too. */
  wants(baseName: string): boolean;
  /** Takes a member of a wanted path, or of `.links`; `rest` is its path within, `""` for the path itself. */
  take(baseName: string, rest: string, member: LayerMember): Promise<void>;
  /** Told when a layer was read to its end and found to be what it must be. */
  layerEnd(): Promise<void>;
}

/** What an image says of the store in it. */
export interface ImageStore {
  /** The valid paths, by their base names. */
  rows: Map<string, StoreRow>;
  /** The sha256 of the database's files. */
  database: Digest;
}

const state = "nix/var/nix/";
const databaseFolder = `${state}db/`;
const databaseFiles = ["db.sqlite", "db.sqlite-wal", "schema"];
const largestDatabaseBytes = 1024 * 1024 * 1024;

/** Reads the layers of one image. */
export class LayeredStore {
  readonly #source: ImageSource;
  readonly #layers: readonly Descriptor[];
  readonly #memory: LayerMemory;

  /** Takes the layers as the manifest names them, the lowest first. */
  constructor(source: ImageSource, layers: readonly Descriptor[], memory: LayerMemory) {
    this.#source = source;
    this.#layers = layers.toReversed();
    this.#memory = memory;
  }

  /**
   * Reads the database, from the uppermost layer that has one; the rest of that layer is not looked at yet.
   *
   * @param work a folder for the database
   * @throws {VerificationError} if there is none
   */
  async survey(work: string, signal: AbortSignal): Promise<ImageStore> {
    for (const layer of this.#layers) {
      const facts = this.#memory.of(layer.digest);
      if (facts?.database === false) continue;
      const database = new DatabaseFiles(work);
      for await (const member of this.#members(layer, signal)) {
        if (!await database.take(member) && database.isThere) break;
      }
      if (database.isThere) return await database.read();
    }
    throw this.#noDatabase();
  }

  /** How many layers are still to be read. */
  countToRead(wants: (baseName: string) => boolean): number {
    let count = 0;
    let database = false;
    for (const layer of this.#layers) {
      const facts = this.#memory.of(layer.digest);
      if (facts === undefined || (facts.database && !database) || facts.stores.some(wants)) count++;
      database ||= facts?.database ?? false;
    }
    return count;
  }

  /**
   * Reads all layers that may hold something wanted.
   *
   * @returns the symlinks of profiles and roots, and how many bytes of layers were read
   * @throws {VerificationError} if a layer, or the database, is not what it was
   */
  async unpack(
    taker: StoreTaker,
    expected: { database: Digest; work: string },
    signal: AbortSignal,
  ): Promise<{ links: NixLink[]; layerBytes: number }> {
    const links = new Map<string, string>();
    const hidden = new Set<string>();
    const database = new DatabaseFiles(expected.work);
    let layerBytes = 0;
    for (const layer of this.#layers) {
      signal.throwIfAborted();
      let facts = this.#memory.of(layer.digest);
      const wanted = facts === undefined || (facts.database && !database.isThere) ||
        facts.stores.some((name) => taker.wants(name) && !isHidden(hidden, `nix/store/${name}`));
      if (wanted) {
        facts = await this.#read(layer, taker, database, hidden, signal);
        layerBytes += layer.size;
        await taker.layerEnd();
        await this.#memory.learn(layer.digest, facts);
      } else this.#memory.share(layer.digest);
      for (const { path, target } of facts!.links) {
        if (!isHidden(hidden, state + path) && !links.has(path)) links.set(path, target);
      }
      for (const path of facts!.hidden) hidden.add(path);
    }
    await this.#memory.write();
    if (!database.isThere) throw this.#noDatabase();
    if (database.digest() !== expected.database) {
      throw new VerificationError(
        `Cannot use "${this.#source.name}": its database changed while it was read`,
        { side: "source" },
      );
    }
    return { links: [...links].map(([path, target]) => ({ path, target })), layerBytes };
  }

  async #read(
    layer: Descriptor,
    taker: StoreTaker,
    database: DatabaseFiles,
    above: ReadonlySet<string>,
    signal: AbortSignal,
  ): Promise<LayerFacts> {
    const stores = new Set<string>();
    const hidden: string[] = [];
    const links: NixLink[] = [];
    const takesDatabase = !database.isThere;
    let hasDatabase = false;
    let whole = false;
    for await (const member of this.#members(layer, signal, () => whole = true)) {
      const { path, type } = member;
      if (type === "whiteout") hidden.push(path);
      else if (type === "opaque") hidden.push(`${path}/`);
      else if (path.startsWith(databaseFolder)) {
        hasDatabase ||= path === `${databaseFolder}db.sqlite`;
        if (takesDatabase) await database.take(member);
      } else if (path.startsWith("nix/store/")) {
        const [baseName = "", ...rest] = path.slice("nix/store/".length).split("/");
        if (isStoreBaseName(baseName)) stores.add(baseName);
        const isWanted = baseName === ".links" || taker.wants(baseName);
        if (isWanted && !isHidden(above, path)) await taker.take(baseName, rest.join("/"), member);
      } else if (/^nix\/var\/nix\/(profiles|gcroots)\//.test(path)) {
        if (type === "symlink") {
          links.push({ path: path.slice(state.length), target: member.target });
        }
      }
    }
    if (whole) return { stores: [...stores], hidden, links, database: hasDatabase };
    throw new VerificationError(
      `Cannot use the layer ${layer.digest} of "${this.#source.name}": something follows its end`,
      { side: "source" },
    );
  }

  #members(
    layer: Descriptor,
    signal: AbortSignal,
    onEnd = () => {},
  ): AsyncGenerator<LayerMember> {
    const { name } = this.#source;
    const bytes = verified(layer, this.#source.read(layer, 0, signal), { name });
    return layerMembers(untilEnd(bytes, signal, onEnd), "nix", `${name} ${layer.digest}`);
  }

  #noDatabase(): VerificationError {
    return new VerificationError(
      `Cannot carry the store of "${this.#source.name}": the image has no Nix database`,
      { side: "source", hint: "an image of Nix has /nix/var/nix/db/db.sqlite" },
    );
  }
}

/** The files of a database on their way to a folder. */
class DatabaseFiles {
  readonly #work: string;
  readonly #hashers = new Map<string, Hasher>();

  constructor(work: string) {
    this.#work = work;
  }

  get isThere(): boolean {
    return this.#hashers.has("db.sqlite");
  }

  /** Takes a member if it is one of the files. */
  async take({ path, type, size, body }: LayerMember): Promise<boolean> {
    const name = databaseFiles.find((each) => path === databaseFolder + each);
    if (name === undefined) return path.startsWith(databaseFolder);
    if (type !== "file" || size > largestDatabaseBytes) {
      throw new VerificationError(`Cannot use the database "/${path}": it is no file of its kind`);
    }
    const hasher = new Hasher();
    using file = await Deno.open(join(this.#work, name), {
      write: true,
      create: true,
      truncate: true,
    });
    for await (const piece of body) {
      hasher.update(piece);
      for (let at = 0; at < piece.length;) at += await file.write(piece.subarray(at));
    }
    this.#hashers.set(name, hasher);
    return true;
  }

  digest(): Digest {
    const whole = new Hasher();
    for (const name of databaseFiles) {
      const hasher = this.#hashers.get(name);
      if (hasher !== undefined) whole.update(new TextEncoder().encode(hasher.digest()));
    }
    return whole.digest();
  }

  async read(): Promise<ImageStore> {
    using database = await StoreDatabase.read(this.#work);
    return { rows: database!.rows(), database: this.digest() };
  }
}

/** Whether a path, or a folder above it, is hidden; a folder whose contents alone are hidden is noted with a slash after it. */
function isHidden(hidden: ReadonlySet<string>, path: string): boolean {
  if (hidden.size === 0) return false;
  if (hidden.has(path)) return true;
  for (let end = path.indexOf("/"); end > 0; end = path.indexOf("/", end + 1)) {
    if (hidden.has(path.slice(0, end)) || hidden.has(path.slice(0, end + 1))) return true;
  }
  return false;
}

async function* untilEnd(
  bytes: AsyncIterable<Uint8Array>,
  signal: AbortSignal,
  onEnd: () => void,
): AsyncGenerator<Uint8Array> {
  for await (const piece of bytes) {
    signal.throwIfAborted();
    yield piece;
  }
  onEnd();
}
