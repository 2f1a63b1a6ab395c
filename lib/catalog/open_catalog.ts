import { fromFileUrl } from "@std/path";
import { UsageError } from "../base/errors.ts";
import { displayUrl } from "../http/display_url.ts";
import type { Catalog } from "./catalog.ts";
import { SqliteCatalog } from "./sqlite_catalog.ts";

/**
 * Opens the catalog of a URI; connects to nothing yet.
 *
 * @throws {UsageError} if no kind of catalog goes by such a URI
 */
export function openCatalog(uri: string): Catalog {
  if (uri.startsWith("sqlite:///") && URL.canParse(uri)) {
    const path = fromFileUrl(uri.replace(/^sqlite:/, "file:"));
    if (!path.endsWith("/")) return new SqliteCatalog({ path });
  }
  throw new UsageError(`Cannot open the catalog "${displayUrl(uri)}": it is of no known kind`, {
    hint: "a catalog is sqlite:///FILE or http(s)://HOST/PATH",
  });
}
