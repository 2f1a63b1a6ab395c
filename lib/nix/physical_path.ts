import { UsageError } from "../base/errors.ts";

/**
 * Where the files of a Nix store are. A store opened with a root (`local?root=/mnt`, or just `/mnt`) names its paths
 * `/nix/store/...` and keeps them in `/mnt/nix/store/...`; `real=` names the folder outright.
 *
 * @param store the store's URI; that of Nix itself (`NIX_REMOTE`) where it is left out
 * @throws {UsageError} if the store is not on this machine
 */
export function physicalPath(path: string, storeDir: string, store: string | undefined): string {
  if (
    store === undefined || store === "" || store === "auto" || store === "daemon" ||
    store === "local"
  ) {
    return path;
  }
  const within = path.slice(storeDir.length);
  // Below a root, Nix keeps paths in nix/store whatever folder their names say.
  const below = (root: string) => `${root.replace(/\/+$/, "")}/nix/store${within}`;
  if (store.startsWith("/")) return below(store);
  const match = /^(local|daemon|unix|auto)(?::\/\/([^?]*))?(?:\?(.*))?$/.exec(store);
  if (match === null) {
    throw new UsageError(
      `Cannot read from the store "${store.replace(/[?].*$/s, "?…")}": it is not on this machine`,
      {
        hint: "copy the paths to a local store first, with nix copy",
      },
    );
  }
  // Nix takes a plus for itself, not for a space.
  const query = new URLSearchParams((match[3] ?? "").replaceAll("+", "%2B"));
  const real = query.get("real");
  if (real) return `${real.replace(/\/+$/, "")}${within}`;
  const root = query.get("root") ?? (match[1] === "local" ? match[2] : undefined);
  return root ? below(root) : path;
}
