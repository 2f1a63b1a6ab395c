/**
 * The members of a tarball, read as a stream and never written anywhere.
 *
 * Invariants: no member has a name, or a link a target, that leads out of the folder in which the tarball is unpacked; there are
 * no devices; the members, their number and their bytes stay below the limits; the archive is whole to its end mark.
 *
 * @module
 */
import type { TarHeader } from "modern-tar";
import { formatBytes } from "../base/bytes.ts";
import { VerificationError } from "../base/errors.ts";
import { tarBody, tarEntries } from "../base/tar_entries.ts";

/** One member of a tarball. */
export interface TarMember {
  /** Its path, without `./` before it and `/` after it. */
  path: string;
  /** What it is. */
  type: "file" | "directory" | "link" | "symlink";
  /** Its permission bits. */
  mode: number;
  /** Its size in bytes. */
  size: number;
  /** Its contents; must be read to its end before the next member is asked for. */
  body: AsyncIterable<Uint8Array>;
}

/** What a tarball may hold at most. */
export interface TarLimits {
  /** Members. */
  members: number;
  /** Bytes of all members together, and of the tarball with what lies between and behind them. */
  bytes: number;
}

/**
 * Reads the members of a tarball, one after the other.
 *
 * @param name what errors call the tarball
 * @throws {VerificationError} if a member is unsafe, a limit is passed, or the archive is damaged
 */
export async function* tarMembers(
  bytes: AsyncIterable<Uint8Array>,
  name: string,
  limits: TarLimits,
): AsyncGenerator<TarMember> {
  const seen = new Map<string, TarMember["type"]>();
  let members = 0;
  let total = 0;
  for await (const entry of tarEntries(upTo(bytes, limits.bytes, name), name)) {
    const member = checkedMember(entry.header, name);
    checkPlace(member, seen, name);
    members++;
    total += member.size;
    if (members > limits.members) {
      throw refused(name, `it has more than ${limits.members} members`);
    }
    if (total > limits.bytes) throw tooLarge(name, limits.bytes);
    yield { ...member, body: tarBody(entry, name) };
  }
}

/** The bytes of a tarball, as long as they are no more than so many: what comes behind the last member no header tells of. */
async function* upTo(
  bytes: AsyncIterable<Uint8Array>,
  most: number,
  name: string,
): AsyncGenerator<Uint8Array> {
  let read = 0;
  for await (const piece of bytes) {
    read += piece.byteLength;
    if (read > most) throw tooLarge(name, most);
    yield piece;
  }
}

/** What file systems take. */
const longestPath = 4095;

function checkedMember(header: TarHeader, name: string): Omit<TarMember, "body"> {
  const path = header.name.replace(/^(\.\/+)+/, "").replace(/\/+$/, "").replace(/\/+/g, "/");
  const shown = JSON.stringify(header.name.slice(0, 200));
  if (path.length > longestPath) {
    throw refused(name, `the name of a member has ${path.length} characters`);
  }
  if (path.startsWith("/") || !isPlain(path) || path.split("/").includes("..")) {
    throw refused(name, `its member ${shown} leads out of it`);
  }
  const { type = "file", linkname = "", size, mode = 0, pax = {} } = header;
  if (Object.keys(pax).some((key) => key.startsWith("GNU.sparse"))) {
    throw refused(name, `its member ${shown} is a sparse file`);
  }
  if (!Number.isSafeInteger(size) || size < 0) {
    throw refused(name, `its member ${shown} has no size`);
  }
  switch (type) {
    case "file":
    case "directory":
      return { path, type, mode, size };
    case "symlink":
    case "link": {
      const depth = type === "symlink" ? path.split("/").length - 1 : 0;
      if (staysInside(linkname, depth)) return { path, type, mode, size: 0 };
      const target = JSON.stringify(linkname.slice(0, 200));
      throw refused(name, `its member ${shown} is a link to ${target}, out of it`);
    }
    default:
      throw refused(name, `its member ${shown} is neither file, folder nor link, but a ${type}`);
  }
}

/** A member must not come twice, nor lie behind a link: either would undo what was checked of the links. */
function checkPlace(
  member: Omit<TarMember, "body">,
  seen: Map<string, TarMember["type"]>,
  name: string,
): void {
  const shown = JSON.stringify(member.path);
  const before = seen.get(member.path);
  if (before !== undefined && !(before === "directory" && member.type === "directory")) {
    throw refused(name, `its member ${shown} comes twice`);
  }
  for (let end = member.path.indexOf("/"); end > 0; end = member.path.indexOf("/", end + 1)) {
    const above = seen.get(member.path.slice(0, end));
    if (above === undefined || above === "directory") continue;
    throw refused(name, `its member ${shown} lies behind the ${above} above it`);
  }
  seen.set(member.path, member.type);
}

/** Whether a link target first goes up by no more folders than there are, and then only down. */
function staysInside(target: string, depth: number): boolean {
  if (target.startsWith("/") || !isPlain(target)) return false;
  const segments = target.split("/").filter((segment) => segment !== "" && segment !== ".");
  const down = segments.findIndex((segment) => segment !== "..");
  const ups = down < 0 ? segments.length : down;
  return ups <= depth && !segments.slice(ups).includes("..");
}

function isPlain(path: string): boolean {
  return !/[\0\\]/.test(path);
}

function tooLarge(name: string, bytes: number): VerificationError {
  return refused(name, `it unpacks to more than ${formatBytes(bytes)}`);
}

function refused(name: string, state: string): VerificationError {
  return new VerificationError(`Cannot use "${name}": ${state}`);
}
