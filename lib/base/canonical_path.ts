import { basename, dirname, join, resolve } from "@std/path";
import { isGranted } from "./is_granted.ts";

/**
 * The path without links, as far as it is there and may be looked at; a look that is not allowed would ask the person. Where the system
 * cannot tell, it is the path itself: whoever uses it is told why.
 */
export function canonicalPath(path: string): string {
  const whole = resolve(path);
  if (!mayRead(whole)) return whole;
  try {
    return Deno.realPathSync(whole);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound) || dirname(whole) === whole) return whole;
    return join(canonicalPath(dirname(whole)), basename(whole));
  }
}

/** Asked for all paths first: where all may be read, none has to be asked for. */
function mayRead(path: string): boolean {
  return isGranted({ name: "read" }) || isGranted({ name: "read", path });
}
