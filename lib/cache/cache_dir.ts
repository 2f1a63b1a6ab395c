import { isAbsolute, join, resolve } from "@std/path";
import { UsageError } from "../base/errors.ts";

/**
 * The cache folder: `KEDGE_CACHE_DIR`, else `XDG_CACHE_HOME/kedge`, else what the system keeps caches in.
 *
 * @throws {UsageError} if no variable tells where the home is
 */
export function defaultCacheDir(env: (name: string) => string | undefined = Deno.env.get): string {
  const own = env("KEDGE_CACHE_DIR");
  if (own) return resolve(own);
  const xdg = env("XDG_CACHE_HOME");
  if (xdg && isAbsolute(xdg)) return join(xdg, "kedge");
  if (Deno.build.os === "windows") {
    const local = env("LOCALAPPDATA");
    if (local) return join(local, "kedge", "cache");
  }
  const home = env("HOME") ?? env("USERPROFILE");
  if (!home) {
    throw new UsageError("Cannot find the cache folder: neither HOME nor XDG_CACHE_HOME is set", {
      hint: "name one with --cache-dir or KEDGE_CACHE_DIR",
    });
  }
  return Deno.build.os === "darwin"
    ? join(home, "Library", "Caches", "kedge")
    : join(home, ".cache", "kedge");
}
