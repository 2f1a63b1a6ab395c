/**
 * The members of an image's layer, as far as they lie in one folder.
 *
 * Invariants: no member has a name that leads out of the root; in the folder that is looked at, none comes twice or lies behind a link, and
 * there are no devices; members elsewhere are passed over unread.
 *
 * Follows the OCI image specification, "Image Layer Filesystem Changeset".
 *
 * @module
 */
import { decompress, packedAs } from "../base/decompress.ts";
import { VerificationError } from "../base/errors.ts";
import type { TarMember } from "../base/tar_header.ts";
import { type TarContents, TarReader } from "../base/tar_reader.ts";

/** One member of a layer. */
export interface LayerMember {
  /** Its path in the root file system, without a slash before it; that of what is hidden where it is a whiteout. */
  path: string;
  /** What it is; a `whiteout` hides a path of the layers below, `opaque` all that they have in a folder. */
  type: "file" | "directory" | "symlink" | "link" | "whiteout" | "opaque";
  /** Its permission bits. */
  mode: number;
  /** The size of a file in bytes; 0 for all else. */
  size: number;
  /** Where a symlink leads, as it is written; or the path of which a link is another name. */
  target: string;
}

/** The most members that a layer may have. */
const mostMembers = 5_000_000;
/** What file systems take. */
const longestPath = 4095;
const longestName = 255;
/** What a path has that is to be looked at part by part. */
const unusual = /[\0\\]|(^|\/)\.{0,2}(\/|$)/;
/** What no part of a path may have; Windows takes a backslash for a slash. */
const forbidden = Deno.build.os === "windows" ? /[\0\\]/ : /\0/;

/** Takes the members of a layer. */
export interface LayerTaker {
  /** Takes a member; gives what takes the contents of a file, or nothing where they are not wanted. */
  take(member: LayerMember): TarContents | undefined | void;
  /** Whether no more is wanted. @default {never} */
  isDone?(): boolean;
}

/**
 * Reads the members of a layer that lie in a folder, the folder itself included.
 *
 * @param bytes the layer: a tarball, plain or packed with gzip or zstd
 * @param folder the folder, without slashes around it: `nix`
 * @param name what errors call the layer
 * @throws {VerificationError} if a member is unsafe, or the layer is damaged
 */
export async function readLayerMembers(
  bytes: AsyncIterable<Uint8Array>,
  folder: string,
  name: string,
  taker: LayerTaker,
): Promise<void> {
  const places = new Places(name);
  let count = 0;
  const reader = new TarReader(name, (entry) => {
    if (++count > mostMembers) throw refused(name, `it has more than ${mostMembers} members`);
    if (taker.isDone?.()) return undefined;
    const path = pathOf(entry.name, name);
    const isInside = path === folder || path.startsWith(`${folder}/`);
    const member = isInside ? memberOf(entry, path, name) : undefined;
    if (member === undefined) return undefined;
    places.check(member);
    return taker.take(member) ?? undefined;
  });
  for await (const piece of unpacked(bytes, name)) {
    reader.push(piece);
    if (taker.isDone?.()) return;
  }
  reader.end();
}

async function* unpacked(
  bytes: AsyncIterable<Uint8Array>,
  name: string,
): AsyncGenerator<Uint8Array> {
  const iterator = bytes[Symbol.asyncIterator]();
  const start = await iterator.next();
  if (start.done) return;
  const kind = packedAs(start.value);
  async function* all(): AsyncGenerator<Uint8Array> {
    try {
      yield start.value;
      for (;;) {
        const { done, value } = await iterator.next();
        if (done) return;
        yield value;
      }
    } finally {
      await iterator.return?.();
    }
  }
  yield* kind === undefined ? all() : decompress(all(), kind, { name: `"${name}"` });
}

function memberOf(entry: TarMember, path: string, name: string): LayerMember | undefined {
  const { type, size, linkName, pax } = entry;
  const cut = path.lastIndexOf("/");
  const base = path.slice(cut + 1);
  const common = { mode: entry.mode, size: 0, target: "" };
  if (base.startsWith(".wh.")) {
    const above = path.slice(0, Math.max(0, cut));
    if (base === ".wh..wh..opq") return { ...common, path: above, type: "opaque" };
    // What other tools note in such names of their own hides nothing.
    if (base.startsWith(".wh..wh.")) return undefined;
    const hidden = base.slice(".wh.".length);
    if (hidden === "" || hidden === "." || hidden === "..") throw unsafe(entry, name);
    return { ...common, path: `${above}/${hidden}`, type: "whiteout" };
  }
  if (Object.keys(pax).some((key) => key.startsWith("GNU.sparse"))) {
    throw refused(name, `its member ${shown(entry)} is a sparse file`);
  }
  switch (type) {
    case "file":
      return { ...common, path, type, size };
    case "directory":
      return { ...common, path, type };
    case "symlink":
      if (linkName === "" || linkName.includes("\0")) throw unsafe(entry, name);
      return { ...common, path, type, target: linkName };
    case "link":
      return { ...common, path, type, target: pathOf(linkName, name) };
    default: {
      const what = type === "other" ? "of another kind" : `a ${type}`;
      throw refused(
        name,
        `its member ${shown(entry)} is neither file, folder nor link, but ${what}`,
      );
    }
  }
}

/** Where members were; none may come twice, nor lie behind a link. */
class Places {
  readonly #name: string;
  readonly #seen = new Map<string, LayerMember["type"]>();
  /** The folder of the last one, which lies behind no link. */
  #folder = "";

  constructor(name: string) {
    this.#name = name;
  }

  check({ path, type }: LayerMember): void {
    if (type === "whiteout" || type === "opaque") return;
    const before = this.#seen.get(path);
    if (before !== undefined && !(before === "directory" && type === "directory")) {
      const which = JSON.stringify(path.slice(0, 200));
      throw refused(this.#name, `its member ${which} comes twice`);
    }
    const folder = path.slice(0, Math.max(0, path.lastIndexOf("/")));
    if (folder !== this.#folder) this.#checkAbove(path);
    this.#folder = folder;
    this.#seen.set(path, type);
  }

  #checkAbove(path: string): void {
    for (let end = path.indexOf("/"); end > 0; end = path.indexOf("/", end + 1)) {
      const above = this.#seen.get(path.slice(0, end));
      if (above === undefined || above === "directory") continue;
      const which = JSON.stringify(path.slice(0, 200));
      throw refused(this.#name, `its member ${which} lies behind the ${above} above it`);
    }
  }
}

function pathOf(text: string, name: string): string {
  if (text.length <= longestName && !unusual.test(text)) return text;
  if (text.length > longestPath) {
    throw refused(name, `the name of a member has ${text.length} characters`);
  }
  const parts = text.split("/").filter((part) => part !== "" && part !== ".");
  if (parts.includes("..") || forbidden.test(text)) {
    throw refused(name, `its member ${JSON.stringify(text.slice(0, 200))} leads out of it`);
  }
  const long = parts.find((part) => part.length > longestName);
  if (long === undefined) return parts.join("/");
  throw refused(name, `a part of the name of a member has ${long.length} characters`);
}

function unsafe(entry: TarMember, name: string): VerificationError {
  return refused(name, `its member ${shown(entry)} is malformed`);
}

function shown(entry: TarMember): string {
  return JSON.stringify(entry.name.slice(0, 200));
}

function refused(name: string, state: string): VerificationError {
  return new VerificationError(`Cannot use the layer "${name}": ${state}`);
}
