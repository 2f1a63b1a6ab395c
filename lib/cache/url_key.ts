import { sha256 } from "../base/digest.ts";
import { displayUrl } from "../http/display_url.ts";

/**
 * What a URL goes by in the cache: itself without user, password and fragment; a query, in which a signature may hide, is
 * replaced by its digest.
 */
export function urlKey(url: string): string {
  const plain = new URL(url);
  const query = plain.search;
  plain.search = "";
  const shown = displayUrl(plain);
  return query === "" ? shown : `${shown}?${sha256(query).slice(0, 23)}`;
}

/** A safe file name for what a URL names, its suffix kept. */
export function fileNameOf(url: string): string {
  const last = new URL(url).pathname.split("/").filter((part) => part !== "").at(-1) ?? "";
  let name = last;
  try {
    name = decodeURIComponent(last);
  } catch (error) {
    if (!(error instanceof URIError)) throw error;
  }
  const safe = name.replace(/[^A-Za-z0-9._+-]+/g, "_").replace(/^[.-]+/, "").slice(-120);
  return safe === "" ? "download" : safe;
}
