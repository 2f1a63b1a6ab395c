import { join } from "@std/path";
import { isTemporaryName, removeIfThere } from "./atomic_file.ts";
import { ifThere, isNotThere } from "./files.ts";
import { stateOfTemporary } from "./temporary_owner.ts";

/** How what was left is told from what is under way. */
export interface LeftTemporariesOptions {
  /** Since when it was not written to, in milliseconds since 1970. */
  oldestMs: number;
  /** Whether nothing is removed, only counted. @default {false} */
  dryRun?: boolean;
}

/**
 * Removes from folders what killed processes were writing there, and gave no name yet; gives its bytes. What a process of this machine
 * writes that lives stays, however old it is; one of another machine, or of another container, or that may not be asked about, is judged
 * by the age of what it wrote.
 */
export async function removeLeftTemporaries(
  folders: readonly string[],
  { oldestMs, dryRun = false }: LeftTemporariesOptions,
): Promise<number> {
  let bytes = 0;
  for (const folder of folders) {
    for (const name of temporariesIn(folder)) {
      const path = join(folder, name);
      const file = await ifThere(Deno.lstat(path));
      const changedMs = file?.mtime?.getTime() ?? Infinity;
      if (file === undefined || changedMs > oldestMs) continue;
      if (stateOfTemporary(name, changedMs) === "alive") continue;
      bytes += file.size;
      if (!dryRun) await removeIfThere(path);
    }
  }
  return bytes;
}

/** Looked for without a thread: there are few files where work in progress lies, and mostly none of these. */
function temporariesIn(folder: string): string[] {
  try {
    return [...Deno.readDirSync(folder)].flatMap(({ name, isFile }) =>
      isFile && isTemporaryName(name) ? [name] : []
    );
  } catch (error) {
    if (isNotThere(error)) return [];
    throw error;
  }
}
