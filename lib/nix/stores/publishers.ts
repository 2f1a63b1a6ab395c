/**
 * Who publishes to the folder of a binary cache: a prune takes nothing that one of them may need and that it was not told of.
 *
 * Invariant: a note is durable before its publish counts on anything there, and stays for good; where its text tells nothing, somebody is
 * there all the same.
 *
 * @module
 */
import { join } from "@std/path";
import { writeFileAtomic } from "../../base/atomic_file.ts";
import { sha256 } from "../../base/digest.ts";
import { folderNames, ifThere } from "../../base/files.ts";

/** Where the notes lie in the folder of a binary cache. */
export const publisherFolder = ".kedge/publishers";

/** One who publishes there. */
export interface Publisher {
  /** Who it is; `undefined` where the note does not say. */
  name: string | undefined;
  /** The note. */
  path: string;
}

/** Notes in the folder of a binary cache that somebody publishes there. */
export async function notePublisher(dir: string, name: string): Promise<void> {
  const folder = join(dir, publisherFolder);
  const path = join(folder, `${sha256(name).slice("sha256:".length, "sha256:".length + 32)}.json`);
  if (await ifThere(Deno.stat(path)) !== undefined) return;
  await Deno.mkdir(folder, { recursive: true });
  await writeFileAtomic(path, `${JSON.stringify({ publisher: name })}\n`);
}

/** All who publish to the folder of a binary cache. */
export async function readPublishers(dir: string): Promise<Publisher[]> {
  const folder = join(dir, publisherFolder);
  const publishers: Publisher[] = [];
  for (const file of await folderNames(folder)) {
    if (!file.endsWith(".json")) continue;
    const path = join(folder, file);
    const text = await ifThere(Deno.readTextFile(path));
    if (text !== undefined) publishers.push({ name: nameIn(text), path });
  }
  return publishers;
}

function nameIn(text: string): string | undefined {
  try {
    const { publisher } = JSON.parse(text) as { publisher?: unknown };
    return typeof publisher === "string" ? publisher : undefined;
  } catch {
    return undefined;
  }
}
