import { type Digest, sha256 } from "../base/digest.ts";

/** One thing in an unpacked folder. */
export type TreeEntry =
  | {
    /** A folder. */
    type: "folder";
    /** Its path from the root of the tree, with `/` between its names. */
    path: string;
  }
  | {
    /** A file. */
    type: "file";
    /** Its path from the root of the tree, with `/` between its names. */
    path: string;
    /** Its size in bytes. */
    size: number;
    /** The digest of its contents. */
    digest: Digest;
  };

const header = "kedge tree 1";

/**
 * The digest of a tree: the sha256 of its listing, one JSON array a line behind a line of the format's name, sorted by path.
 * Permissions and dates are not part of it. Every folder is listed, so that the same tree has one digest, whether or not a
 * tarball names its folders.
 *
 * ```text
 * kedge tree 1
 * ["folder","kexec"]
 * ["file","kexec/bzImage",32768,"sha256:..."]
 * ```
 */
export function treeDigest(entries: readonly TreeEntry[]): Digest {
  const lines = entries.toSorted((a, b) => a.path < b.path ? -1 : 1).map((entry) =>
    JSON.stringify(
      entry.type === "file"
        ? [entry.type, entry.path, entry.size, entry.digest]
        : [entry.type, entry.path],
    )
  );
  return sha256([header, ...lines, ""].join("\n"));
}
