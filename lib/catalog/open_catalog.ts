import type { Meter } from "../base/meter.ts";
import type { RetryPolicy } from "../http/retry_policy.ts";
import type { CatalogWithHistory } from "./catalog.ts";
import type { PreparedCatalog } from "./prepare_catalog.ts";

/** What opening a catalog needs. */
export interface OpenCatalogOptions {
  /** How requests are tried again. */
  retry?: RetryPolicy | undefined;
  /** How long an answer may take, in milliseconds. */
  timeoutMs?: number | undefined;
  /** Told of each request. */
  meter?: Meter | undefined;
  /** Ends every request. */
  signal?: AbortSignal | undefined;
}

/** Opens a catalog; connects to nothing yet. Only what that kind of catalog needs is loaded. */
export async function openCatalog(
  prepared: PreparedCatalog,
  options: OpenCatalogOptions = {},
): Promise<CatalogWithHistory> {
  if (prepared.kind === "sqlite") {
    const { SqliteCatalog } = await import("./sqlite_catalog.ts");
    return new SqliteCatalog({ path: prepared.path });
  }
  const { HttpCatalog } = await import("./http_catalog.ts");
  const { authorization, tls } = prepared.credentials;
  return new HttpCatalog({ url: prepared.url, authorization, tls, ...options });
}
