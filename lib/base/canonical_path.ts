import { basename, dirname, join, resolve } from "@std/path";

/** The path without links, as far as it is there and may be looked at; a look that is not allowed would ask the person. */
export function canonicalPath(path: string): string {
  const whole = resolve(path);
  if (!mayRead(whole)) return whole;
  try {
    return Deno.realPathSync(whole);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound && dirname(whole) !== whole) {
      return join(canonicalPath(dirname(whole)), basename(whole));
    }
    const isHidden = error instanceof Deno.errors.NotFound ||
      error instanceof Deno.errors.PermissionDenied ||
      error instanceof Deno.errors.NotADirectory;
    if (!isHidden) throw error;
    return whole;
  }
}

/** Asked for all paths first: where all may be read, none has to be asked for. */
function mayRead(path: string): boolean {
  const isGranted = (what: Deno.ReadPermissionDescriptor) =>
    Deno.permissions.querySync(what).state === "granted";
  return isGranted({ name: "read" }) || isGranted({ name: "read", path });
}
