import type { Digest } from "../../lib/base/digest.ts";
import type { PermissionServers } from "./permission_servers.ts";
import type { Stock } from "./permission_stock.ts";

/** One way of using a built-in task; `DIR` stands for its working folder. */
export interface Way {
  /** What follows the name of the task. */
  readonly args: readonly string[];
  /** Variables beside those of the ground. */
  readonly env?: Readonly<Record<string, string>>;
  /** The cache folder, where KEDGE_CACHE_DIR is not to name one. */
  readonly cacheDir?: string;
  /** Changes something in the working folder first. */
  readonly before?: (cwd: string) => Promise<void>;
  /** Whether it runs on a terminal. */
  readonly terminal?: boolean;
  /** Whether all files must be allowed as a whole. */
  readonly unscoped?: boolean;
  /** Whether it fails, since a program that stands in for another does. */
  readonly fails?: boolean;
  /** The programs without which it must fail; `*` where any may be run. */
  readonly needs?: readonly string[];
}

/** The ways of using tasks, by their names. */
export type Ways = Readonly<Record<string, readonly Way[]>>;

/** What the ways name. */
export interface Named {
  /** A folder beside the working folders. */
  readonly dir: string;
  /** Where the registry's password comes from a program. */
  readonly home: string;
  /** Where that and the keys of the bucket stand in files. */
  readonly home2: string;
  /** The servers. */
  readonly servers: PermissionServers;
  /** What was made. */
  readonly made: Stock;
  /** The program that stands in for nixos-anywhere. */
  readonly nixosAnywhere: string;
  /** The digest of the bundle that the cache holds. */
  readonly bundle: Digest;
}

/** Another host, which only the proxy leads to. */
export const far = "registry.acme.dev";

/** The variables that make the relay the proxy of every other host. */
export function byProxy({ relay }: PermissionServers): Record<string, string> {
  return { HTTP_PROXY: relay.host, NO_PROXY: "127.0.0.1" };
}
