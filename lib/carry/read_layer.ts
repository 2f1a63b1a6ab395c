/**
 * One layer of an image, read for the Nix store in it.
 *
 * Invariant: what is told of a layer is all that it holds below `/nix`, whatever of it was wanted.
 *
 * @module
 */
import type { NixLink } from "../nix/nix_links.ts";
import { isStoreBaseName } from "../nix/store_path.ts";
import type { LayerMember } from "../oci/layer_members.ts";
import { type DatabaseFiles, databaseFolder } from "./database_files.ts";
import type { LayerFacts } from "./layer_memory.ts";

/** Takes what comes out of layers. */
export interface MemberTaker {
  /** Whether a path of the store is wanted; it may be told of others too. */
  wants(baseName: string): boolean;
  /** Takes a member of a wanted path, or of `.links`; `rest` is its path within, `""` for the path itself. */
  take(baseName: string, rest: string, member: LayerMember): Promise<void>;
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

/** Reads the members of a layer to the last one, and says what it holds. */
export async function readLayer(
  members: AsyncIterable<LayerMember>,
  { taker, database, isHidden = () => false }: ReadLayerOptions,
): Promise<LayerFacts> {
  const stores = new Set<string>();
  const hidden: string[] = [];
  const links: NixLink[] = [];
  let hasDatabase = false;
  for await (const member of members) {
    const { path, type } = member;
    if (type === "whiteout") hidden.push(path);
    else if (type === "opaque") hidden.push(`${path}/`);
    else if (path.startsWith(storeFolder)) {
      const end = path.indexOf("/", storeFolder.length);
      const baseName = path.slice(storeFolder.length, end < 0 ? undefined : end);
      const rest = end < 0 ? "" : path.slice(end + 1);
      if (!stores.has(baseName) && isStoreBaseName(baseName)) stores.add(baseName);
      const isWanted = baseName === ".links" || taker.wants(baseName);
      if (isWanted && !isHidden(path)) await taker.take(baseName, rest, member);
    } else if (path.startsWith(databaseFolder)) {
      hasDatabase ||= path === `${databaseFolder}db.sqlite`;
      await database?.take(member);
    } else if (type === "symlink" && /^nix\/var\/nix\/(profiles|gcroots)\//.test(path)) {
      links.push({ path: path.slice(stateFolder.length), target: member.target });
    }
  }
  return { stores: [...stores], hidden, links, database: hasDatabase };
}
