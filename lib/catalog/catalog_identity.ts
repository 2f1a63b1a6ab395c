import { canonicalPath } from "../base/canonical_path.ts";

const sqlite = "sqlite://";

/** What two names of one catalog have in common: the file without links, the address without slashes at its end. */
export function catalogIdentity(url: string): string {
  return url.startsWith(sqlite)
    ? sqlite + canonicalPath(url.slice(sqlite.length))
    : url.replace(/\/+$/, "");
}
