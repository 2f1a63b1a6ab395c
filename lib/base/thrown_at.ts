import { fromFileUrl } from "@std/path";
import { KedgeError } from "./errors.ts";

/** The folders whose code no user wrote. */
const own = ["lib/", "tasks/"].map((folder) => new URL(`../../${folder}`, import.meta.url).href);
/** Where packages lie: beside a project, and below the host of their registry, with their version, in the cache of Deno. */
const packages = /\/node_modules\/|\/npm\/[^/]+\/(?:[^/]+\/)+\d+\.\d+\.\d[^/]*\//;
/** A frame of a stack that names a module; those of Deno itself have other schemes. */
const frame = /^ {4}at (?:async )?(?:.* \()?((?:file|https?|jsr|npm):\S+?):(\d+):(\d+)\)?$/;

/**
 * The line of a user's file that threw an error, or called what threw it: `/project/tasks.ts:3:4`. Where kedge or a package threw it,
 * for a {@linkcode KedgeError}, whose words tell all, and where the stack is none, there is none.
 */
export function thrownAt(error: Error): string | undefined {
  if (error instanceof KedgeError) return undefined;
  try {
    return firstPlace(framesOf(error));
  } catch {
    return undefined; // What led to a failure is told whatever somebody made of its stack.
  }
}

/** The line of a user's file that called what kedge threw, whatever lies between them. */
export function calledAt(error: Error): string | undefined {
  try {
    return firstPlace(framesOf(error).filter((line) => isUsers(frame.exec(line)?.[1] ?? "")));
  } catch {
    return undefined;
  }
}

/** The lines of a stack behind the message, which may look like one; a message that was changed since is not in it. */
function framesOf({ stack = "", message }: Error): string[] {
  const at = stack.indexOf(message);
  return stack.slice(at < 0 ? 0 : at + message.length).split("\n");
}

function firstPlace(frames: readonly string[]): string | undefined {
  for (const line of frames) {
    const [, url, row, column] = frame.exec(line) ?? [];
    if (url === undefined) continue;
    return isUsers(url) ? `${fromFileUrl(url)}:${row}:${column}` : undefined;
  }
  return undefined;
}

function isUsers(url: string): boolean {
  return url.startsWith("file:") && !packages.test(url) &&
    !own.some((folder) => url.startsWith(folder));
}
