/**
 * One layer of an image, read for the Nix store in it.
 *
 * Invariant: what is told of a layer is all that it holds below `/nix`, whatever of it was wanted.
 *
 * @module
 */
import type { TarContents } from "../base/tar_reader.ts";
import type { NixLink } from "../nix/folder/nix_links.ts";
import { isStoreBaseName } from "../nix/store_path.ts";
import { type LayerMember, readLayerMembers } from "../oci/layer_members.ts";
import {
  type DatabaseFiles,
  databaseFiles as allDatabaseFiles,
  databaseFolder,
} from "./database_files.ts";
import type { LayerFacts } from "./layer_memory.ts";
import { linksName } from "./take_member.ts";

/** Takes what comes out of layers. */
export interface MemberTaker {
  /** Whether a path of the store is wanted; it may be told of others too. */
  wants(baseName: string): boolean;
  /** Takes a member of a wanted path, or of `.links`; `rest` is its path within, `""` for the path itself. */
  take(baseName: string, rest: string, member: LayerMember): TarContents | undefined;
}

/** What is done with a layer. */
export interface ReadLayerOptions {
  /** Takes what is wanted. */
  taker: MemberTaker;
  /** Takes the database. */
  database?: DatabaseFiles | undefined;
  /** Whether the layers above hide a path. @default {they hide none} */
  isHidden?: (path: string) => boolean;
}

/** Where profiles and roots are, below the root. */
export const stateFolder = "nix/var/nix/";
const storeFolder = "nix/store/";

/**
 * Reads a layer to its last member, and says what it holds.
 *
 * @param bytes the layer as it is
 * @param name what errors call it
 * @throws {VerificationError} if a member is unsafe, or the layer is damaged
 */
export async function readLayer(
  bytes: AsyncIterable<Uint8Array>,
  name: string,
  { taker, database, isHidden = () => false }: ReadLayerOptions,
): Promise<LayerFacts> {
  const stores = new Set<string>();
  const hidden: string[] = [];
  const links: NixLink[] = [];
  const databaseFiles: string[] = [];
  const take = (member: LayerMember): TarContents | undefined => {
    const { path, type } = member;
    if (type === "whiteout") hidden.push(path);
    else if (type === "opaque") hidden.push(`${path}/`);
    else if (path.startsWith(storeFolder)) {
      const end = path.indexOf("/", storeFolder.length);
      const baseName = path.slice(storeFolder.length, end < 0 ? undefined : end);
      if (!stores.has(baseName) && isStoreBaseName(baseName)) stores.add(baseName);
      const isWanted = baseName === linksName || taker.wants(baseName);
      if (!isWanted || isHidden(path)) return undefined;
      return taker.take(baseName, end < 0 ? "" : path.slice(end + 1), member);
    } else if (path.startsWith(databaseFolder)) {
      const name = path.slice(databaseFolder.length);
      if (allDatabaseFiles.includes(name)) databaseFiles.push(name);
      return database?.take(member);
    } else if (type !== "directory" && /^nix\/var\/nix\/(profiles|gcroots)\//.test(path)) {
      if (type === "symlink") {
        links.push({ path: path.slice(stateFolder.length), target: member.target });
      }
      // What is not a folder takes the place of all that a layer below has there.
      hidden.push(path);
    }
    return undefined;
  };
  await readLayerMembers(bytes, "nix", name, { take });
  const hasDatabase = databaseFiles.includes("db.sqlite");
  return { stores: [...stores], hidden, links, database: hasDatabase, databaseFiles };
}
