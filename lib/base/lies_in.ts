import { relative, resolve } from "@std/path";
import { canonicalPath } from "./canonical_path.ts";

/**
 * Whether a path is a folder or lies within it, links and relative parts resolved; neither need be there yet. It looks at once, and
 * does not wait for its turn: every run asks this before it starts.
 */
export function liesIn(path: string, folder: string): boolean {
  const [inner, outer] = [canonicalPath(path), canonicalPath(folder)];
  const way = relative(outer, inner);
  return way === "" || !/^\.\.(?:[\\/]|$)/.test(way) && resolve(outer, way) === inner;
}
