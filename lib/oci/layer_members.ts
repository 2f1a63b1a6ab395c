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
import type { TarHeader } from "modern-tar";
import { decompress, packedAs } from "../base/decompress.ts";
import { VerificationError } from "../base/errors.ts";
import { tarBody, tarEntries, type TarEntry } from "../base/tar_entries.ts";

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
  /** The contents of a file; must be read to its end before the next member is asked for, or left alone. */
  body: AsyncIterable<Uint8Array>;
}

/** The most members that a layer may have. */
const mostMembers = 5_000_000;

/**
 * Reads the members of a layer that lie in a folder, the folder itself included.
 *
 * @param bytes the layer: a tarball, plain or packed with gzip or zstd
 * @param folder the folder, without slashes around it: `nix`
 * @param name what errors call the layer
 * @throws {VerificationError} if a member is unsafe, or the layer is damaged
 */
export async function* layerMembers(
  bytes: AsyncIterable<Uint8Array>,
  folder: string,
  name: string,
): AsyncGenerator<LayerMember> {
  const seen = new Map<string, LayerMember["type"]>();
  let count = 0;
  for await (const entry of tarEntries(unpacked(bytes, name), name)) {
    if (++count > mostMembers) throw refused(name, `it has more than ${mostMembers} members`);
    const path = pathOf(entry.header.name, name);
    const inside = path === folder || path.startsWith(`${folder}/`);
    const member = inside ? memberOf(entry, path, name) : undefined;
    if (member === undefined) {
      await entry.body.cancel();
      continue;
    }
    checkPlace(member, seen, name);
    yield member;
    await entry.body.cancel();
  }
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
  if (kind !== undefined) return yield* decompress(all(), kind, `"${name}"`);
  // The reader of the archive keeps pieces; their owner uses them again.
  for await (const piece of all()) yield piece.slice();
}

function memberOf(entry: TarEntry, path: string, name: string): LayerMember | undefined {
  const { header } = entry;
  const cut = path.lastIndexOf("/");
  const base = path.slice(cut + 1);
  const common = { mode: header.mode ?? 0, size: 0, target: "", body: tarBody(entry, name) };
  if (base.startsWith(".wh.")) {
    const above = path.slice(0, Math.max(0, cut));
    if (base === ".wh..wh..opq") return { ...common, path: above, type: "opaque" };
    // What other tools note in such names of their own hides nothing.
    if (base.startsWith(".wh..wh.")) return undefined;
    const hidden = base.slice(".wh.".length);
    if (hidden === "" || hidden === "." || hidden === "..") throw unsafe(header, name);
    return { ...common, path: `${above}/${hidden}`, type: "whiteout" };
  }
  const { type = "file", size, linkname = "", pax = {} } = header;
  if (Object.keys(pax).some((key) => key.startsWith("GNU.sparse"))) {
    throw refused(name, `its member ${shown(header)} is a sparse file`);
  }
  switch (type) {
    case "file":
      if (!Number.isSafeInteger(size) || size < 0) {
        throw refused(name, `its member ${shown(header)} has no size`);
      }
      return { ...common, path, type, size };
    case "directory":
      return { ...common, path, type };
    case "symlink":
      if (linkname === "" || linkname.includes("\0")) throw unsafe(header, name);
      return { ...common, path, type, target: linkname };
    case "link":
      return { ...common, path, type, target: pathOf(linkname, name) };
    default:
      throw refused(
        name,
        `its member ${shown(header)} is neither file, folder nor link, but a ${type}`,
      );
  }
}

/** A member must not come twice, nor lie behind a link. */
function checkPlace(
  { path, type }: LayerMember,
  seen: Map<string, LayerMember["type"]>,
  name: string,
): void {
  if (type === "whiteout" || type === "opaque") return;
  const before = seen.get(path);
  if (before !== undefined && !(before === "directory" && type === "directory")) {
    throw refused(name, `its member ${JSON.stringify(path.slice(0, 200))} comes twice`);
  }
  for (let end = path.indexOf("/"); end > 0; end = path.indexOf("/", end + 1)) {
    const above = seen.get(path.slice(0, end));
    if (above === undefined || above === "directory") continue;
    const which = JSON.stringify(path.slice(0, 200));
    throw refused(name, `its member ${which} lies behind the ${above} above it`);
  }
  seen.set(path, type);
}

function pathOf(text: string, name: string): string {
  const path = text.split("/").filter((part) => part !== "" && part !== ".").join("/");
  if (!/[\0\\]/.test(path) && !path.split("/").includes("..")) return path;
  throw refused(name, `its member ${JSON.stringify(text.slice(0, 200))} leads out of it`);
}

function unsafe(header: TarHeader, name: string): VerificationError {
  return refused(name, `its member ${shown(header)} is malformed`);
}

function shown(header: TarHeader): string {
  return JSON.stringify(header.name.slice(0, 200));
}

function refused(name: string, state: string): VerificationError {
  return new VerificationError(`Cannot use the layer "${name}": ${state}`);
}
