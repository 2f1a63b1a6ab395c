import { basename, dirname, join, relative, resolve } from "@std/path";

/** Whether a path is a folder or lies within it, links and relative parts resolved; neither need be there yet. */
export async function liesIn(path: string, folder: string): Promise<boolean> {
  const [inner, outer] = await Promise.all([canonical(path), canonical(folder)]);
  const way = relative(outer, inner);
  return way === "" || !/^\.\.(?:[\\/]|$)/.test(way) && resolve(outer, way) === inner;
}

/** The path without links, as far as it is there and may be looked at; a look that is not allowed would ask the person. */
async function canonical(path: string): Promise<string> {
  const whole = resolve(path);
  if (Deno.permissions.querySync({ name: "read", path: whole }).state !== "granted") return whole;
  try {
    return await Deno.realPath(whole);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound && dirname(whole) !== whole) {
      return join(await canonical(dirname(whole)), basename(whole));
    }
    const isHidden = error instanceof Deno.errors.NotFound ||
      error instanceof Deno.errors.PermissionDenied ||
      error instanceof Deno.errors.NotADirectory;
    if (!isHidden) throw error;
    return whole;
  }
}
