/**
 * What the built-in tasks use of Deno's permissions, beside what the runner itself uses (the cache folder, and the variables
 * that it honours). Folders and hosts that a task is told by its arguments cannot be known before: there the whole kind stands.
 *
 * @module
 */
import type { PermissionSet } from "../../lib/runner/permission_set.ts";
import type { AnyTask } from "../../lib/runner/task.ts";

const proxies = ["HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy"];
const registries = [
  "DOCKER_AUTH_CONFIG",
  "DOCKER_CONFIG",
  "KEDGE_REGISTRY_HOST",
  "KEDGE_REGISTRY_PASSWORD",
  "KEDGE_REGISTRY_USERNAME",
  "REGISTRY_AUTH_FILE",
  "XDG_CONFIG_HOME",
  "XDG_RUNTIME_DIR",
];
const stores = [
  "AWS_ACCESS_KEY_ID",
  "AWS_PROFILE",
  "AWS_SECRET_ACCESS_KEY",
  "AWS_SESSION_TOKEN",
  "AWS_SHARED_CREDENTIALS_FILE",
  "NETRC",
  "NIX_REMOTE",
  "NIX_STORE_DIR",
  "PATH",
  "TMPDIR",
];

const cacheAlone: PermissionSet = { sys: ["statfs"] };
const download: PermissionSet = { read: true, net: true, env: proxies, sys: ["statfs"] };
const images: PermissionSet = {
  read: true,
  write: true,
  net: true,
  env: [...proxies, ...registries],
  run: true,
  sys: ["statfs"],
};
const publishing: PermissionSet = {
  read: true,
  write: true,
  net: true,
  env: [...proxies, ...stores],
  run: true,
  sys: ["statfs"],
};
const hosts: PermissionSet = { read: true, write: true, net: true, env: true, run: true };

const byPrefix: readonly (readonly [string, PermissionSet])[] = [
  ["cache:", cacheAlone],
  ["runs", {}],
  ["kexec", { ...download, write: true, run: ["nix-store"] }],
  ["image:", images],
  ["disk:", images],
  ["base-image", images],
  ["publish", publishing],
  ["catalog:", publishing],
  ["nixos-anywhere", hosts],
];

/** The task with the permissions that it uses, where its own declaration does not say them. */
export function withPermissions(task: AnyTask): AnyTask {
  const set = byPrefix.find(([prefix]) => task.name.startsWith(prefix))?.[1];
  if (set === undefined || task.declared.permissions !== undefined) return task;
  return { ...task, declared: { ...task.declared, permissions: () => set } };
}
