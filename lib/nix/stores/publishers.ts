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
import { NotAllowedError } from "../../base/errors.ts";
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

/** The note of a publisher, from the folder of a binary cache on. */
export function publisherNote(name: string): string {
  return `${publisherFolder}/${sha256(name).slice("sha256:".length, "sha256:".length + 32)}.json`;
}

/** Notes in the folder of a binary cache that somebody publishes there. */
export async function notePublisher(dir: string, name: string): Promise<void> {
  const path = join(dir, publisherNote(name));
  if (await ifThere(Deno.stat(path)) !== undefined) return;
  await Deno.mkdir(join(dir, publisherFolder), { recursive: true });
  await writeFileAtomic(path, `${JSON.stringify({ publisher: name })}\n`);
}

/**
 * All who publish to the folder of a binary cache.
 *
 * @throws {NotAllowedError} if a note, or their folder, may not be read
 */
export async function readPublishers(dir: string): Promise<Publisher[]> {
  const folder = join(dir, publisherFolder);
  const publishers: Publisher[] = [];
  for (const file of await readable(folder, folderNames(folder))) {
    if (!file.endsWith(".json")) continue;
    const path = join(folder, file);
    const text = await readable(path, ifThere(Deno.readTextFile(path)));
    if (text !== undefined) publishers.push({ name: nameIn(text), path });
  }
  return publishers;
}

/** What is read; who publishes cannot be guessed where the system does not let it be read. */
async function readable<T>(path: string, reading: Promise<T>): Promise<T> {
  try {
    return await reading;
  } catch (cause) {
    if (!(cause instanceof Deno.errors.PermissionDenied)) throw cause;
    throw new NotAllowedError(`Cannot read who publishes: "${path}" may not be read`, {
      cause,
      side: "destination",
      hint: "let this user read it; without it nobody knows what others need",
    });
  }
}

function nameIn(text: string): string | undefined {
  try {
    const { publisher } = JSON.parse(text) as { publisher?: unknown };
    return typeof publisher === "string" ? publisher : undefined;
  } catch {
    return undefined;
  }
}
