import { basename, dirname, join, relative, resolve } from "@std/path";

/**
 * Whether a path is a folder or lies within it, links and relative parts resolved; neither need be there yet. It looks at once, and
 * does not wait for its turn: every run asks this before it starts.
 */
export function liesIn(path: string, folder: string): boolean {
  const [inner, outer] = [canonical(path), canonical(folder)];
  const way = relative(outer, inner);
  return way === "" || !/^\.\.(?:[\\/]|$)/.test(way) && resolve(outer, way) === inner;
}

/** The path without links, as far as it is there and may be looked at; a look that is not allowed would ask the person. */
function canonical(path: string): string {
  const whole = resolve(path);
  if (!mayRead(whole)) return whole;
  try {
    return Deno.realPathSync(whole);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound && dirname(whole) !== whole) {
      return join(canonical(dirname(whole)), basename(whole));
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
