/**
 * The files by which other programs know a cache folder: backup programs leave it out (CACHEDIR.TAG), git ignores it, and a
 * person who finds it knows what it is.
 *
 * Invariants: a marker that exists is left as it is, whatever is in it.
 *
 * @module
 */
import { join } from "@std/path";
import { writeFileAtomic } from "../base/atomic_file.ts";
import { lookAt } from "../base/files.ts";

/** The name of the marker by which a folder is known as a cache, whatever else is in it. */
export const tagName = "CACHEDIR.TAG";

const contents = {
  [tagName]: "Signature: 8a477f597d28d172789f06886806bc55\n" +
    "# This file is a cache directory tag created by kedge.\n" +
    "# For information about cache directory tags see https://bford.info/cachedir/\n",
  ".gitignore": "*\n",
  "README.md": "# The cache of kedge\n\n" +
    "Everything here can be fetched or made again. Do not edit files in it: they are checked against their digests.\n" +
    "`kedge cache:ls` lists what is here, `kedge cache:prune` removes what is not needed, `kedge cache:clean` all of it.\n",
} as const;

/** The names of the files at the root of a cache that are not buckets. */
export const markerNames: ReadonlySet<string> = new Set([...Object.keys(contents), ".lock"]);

/** Whether a file at the root of a cache belongs to the journal of runs. */
export function isJournalName(name: string): boolean {
  return name.startsWith("journal-");
}

/** Makes the markers that are missing. */
export async function writeMarkers(root: string): Promise<void> {
  await Promise.all(
    Object.entries(contents).map(async ([name, text]) => {
      const path = join(root, name);
      if (lookAt(path) === undefined) await writeFileAtomic(path, text);
    }),
  );
}
