/**
 * What the built-in tasks use of Deno's permissions, beside what the runner itself uses (the cache folder, and the variables
 * that it honours). Folders and hosts that a task is told by its arguments cannot be known before: there the whole kind stands.
 *
 * @module
 */
import { exemptNames, proxyNames, routeNames } from "../../lib/http/proxy_names.ts";
import type { PermissionSet } from "../../lib/runner/permission_set.ts";
import type { AnyTask } from "../../lib/runner/task.ts";

const logins = [
  "DOCKER_AUTH_CONFIG",
  "DOCKER_CONFIG",
  "KEDGE_REGISTRY_HOST",
  "KEDGE_REGISTRY_PASSWORD",
  "KEDGE_REGISTRY_USERNAME",
  "REGISTRY_AUTH_FILE",
  "XDG_CONFIG_HOME",
  "XDG_RUNTIME_DIR",
];
/** Whether there is a proxy is asked of every connection to a registry; which one, of what is sent as a stream. */
const registries = ["CONTAINERS_REGISTRIES_CONF", ...logins, ...routeNames];
const stores = [
  "AWS_ACCESS_KEY_ID",
  "AWS_PROFILE",
  "AWS_SECRET_ACCESS_KEY",
  "AWS_SESSION_TOKEN",
  "AWS_SHARED_CREDENTIALS_FILE",
  "NETRC",
];
const sys = ["statfs"];

/** A credential helper of Docker may be any program, and so may be what a store or a host is reached by: there all may be run. */
const images = { read: true, net: true, run: true } as const;
const packages = { read: true, write: true, net: true } as const;
const inCache = (cacheDir: string) => ({ read: [cacheDir] });
const cleaning = (cacheDir: string) => ({ read: [cacheDir], write: [cacheDir] });

const keeping = (cacheDir: string) => ({
  ...images,
  write: [cacheDir],
  env: registries,
});

const sets: Readonly<Record<string, PermissionSet | ((cacheDir: string) => PermissionSet)>> = {
  "kexec": {
    ...{ read: true, write: true, net: true, sys, run: ["nix-store", "xz"] },
    env: [...logins, ...proxyNames, "NIX_STORE_DIR"],
  },
  "nixos-anywhere": { ...images, env: true, sys },
  "image:sync": { ...images, write: true, env: [...registries, ...exemptNames, "PATH"], sys },
  "base-image": { ...images, write: true, env: [...registries, ...exemptNames, "PATH"], sys },
  "base-image:carry": { ...images, write: true, env: [...registries, ...exemptNames, "PATH"], sys },
  "base-image:prune": { all: true },
  "base-image:export": { ...packages, run: true, env: [...stores, ...proxyNames, "PATH"] },
  "base-image:import": { ...packages, run: true, env: [...stores, "PATH"], sys },
  "image:ls": { ...images, env: registries },
  "image:inspect": { ...images, env: registries },
  "image:diff": { ...images, env: registries },
  "image:gc": { read: true, write: true },
  "image:rm": { ...images, write: true, env: registries },
  "disk:push": { ...images, write: true, env: [...registries, ...exemptNames] },
  "disk:pull": { ...images, write: true, env: registries, sys },
  "disk:verify": { ...images, write: true, env: registries, sys },
  "disk:inspect": keeping,
  "disk:diff": keeping,
  "publish": {
    ...packages,
    env: [...stores, ...proxyNames, "NIX_REMOTE", "NIX_STORE_DIR"],
    run: true,
  },
  "publish:verify": { ...packages, env: [...stores, ...proxyNames, "NIX_REMOTE"], run: true },
  "publish:rollback": { ...packages, env: stores },
  "publish:prune": { ...packages, env: ["NETRC"] },
  "publish:keygen": { read: true, write: true },
  "catalog:ls": { ...packages, env: ["NETRC"] },
  "catalog:show": { ...packages, env: ["NETRC"] },
  "cache:dir": {},
  "cache:size": inCache,
  "cache:ls": inCache,
  "cache:why": inCache,
  "cache:verify": { read: true, net: true, env: [...logins, ...proxyNames], sys },
  "cache:prune": { sys },
  "cache:clean": {},
  "runs": cleaning,
  "runs:show": cleaning,
};

/** The task with the permissions that it uses. */
export function withPermissions(task: AnyTask): AnyTask {
  const set = sets[task.name];
  if (set === undefined) return task;
  const permissions = typeof set === "function"
    ? (_args: unknown, cacheDir: string) => set(cacheDir)
    : () => set;
  return { ...task, declared: { ...task.declared, permissions } };
}
