import { isGranted } from "./is_granted.ts";

/**
 * The same path without `..` behind a name: the file system goes up from where a link leads, the text only from the link itself. Where Deno may not
 * read all, it goes by the text itself, as Windows does; there the path stays as it is, and so it does where nothing is that it leads through.
 */
export function plainPath(path: string): string {
  const parts = path.split("/");
  const last = parts.lastIndexOf("..");
  const isPlain = parts.slice(0, Math.max(0, last)).every((part) => ["", ".", ".."].includes(part));
  if (isPlain || Deno.build.os === "windows" || !isGranted({ name: "read" })) return path;
  try {
    const there = Deno.realPathSync(parts.slice(0, last + 1).join("/"));
    return [there, ...parts.slice(last + 1)].join("/");
  } catch {
    return path; // Whoever uses it is told why it leads nowhere.
  }
}
