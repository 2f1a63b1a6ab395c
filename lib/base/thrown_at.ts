import { fromFileUrl } from "@std/path";
import { KedgeError } from "./errors.ts";

/** The folders whose code no user wrote. */
const own = ["lib/", "tasks/"].map((folder) => new URL(`../../${folder}`, import.meta.url).href);
/** A frame of a stack that names a module; those of Deno itself have other schemes. */
const frame = /^ {4}at (?:async )?(?:.* \()?((?:file|https?|jsr|npm):[^\s()]+):(\d+):(\d+)\)?$/;

/**
 * The line of a user's file that threw an error, or called what threw it: `/project/tasks.ts:3:4`. Where kedge or a package threw it,
 * and for a {@linkcode KedgeError}, whose words tell all, there is none.
 */
export function thrownAt(error: Error): string | undefined {
  if (error instanceof KedgeError) return undefined;
  const stack = error.stack ?? "";
  // A message may look like a stack.
  const behind = stack.indexOf(error.message) + error.message.length;
  for (const line of stack.slice(Math.max(0, behind)).split("\n")) {
    const [, url, row, column] = frame.exec(line) ?? [];
    if (url === undefined) continue;
    const isUsers = url.startsWith("file:") && !/\/(?:npm|node_modules)\//.test(url) &&
      !own.some((folder) => url.startsWith(folder));
    return isUsers ? `${fromFileUrl(url)}:${row}:${column}` : undefined;
  }
  return undefined;
}
