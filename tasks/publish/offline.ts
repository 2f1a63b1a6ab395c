import { UsageError } from "../../lib/base/errors.ts";
import { displayUrl } from "../../lib/http/display_url.ts";
import { parseStoreUri, type StoreUri } from "../../lib/nix/stores/store_uri.ts";
import type { TaskContext } from "../../lib/runner/context.ts";

/**
 * Refuses stores and catalogs that are behind a network where none may be asked.
 *
 * @throws {UsageError} if one is, and the context is offline
 */
export function checkPublishOffline(
  { offline }: TaskContext,
  stores: readonly StoreUri[],
  catalog: string | undefined,
): void {
  if (!offline) return;
  const store = stores.find(({ kind, read }) =>
    kind !== "file" || (read !== undefined && parseStoreUri(read).kind !== "file")
  );
  const remote = (store?.kind === "file" ? displayUrl(store.read ?? "") : store?.shown) ??
    (catalog?.startsWith("sqlite:") === false ? displayUrl(catalog) : undefined);
  if (remote === undefined) return;
  throw new UsageError(`Cannot reach "${remote}" offline: it is behind a network`, {
    hint: "leave out --offline, or name file:// stores and a sqlite:// catalog",
  });
}
