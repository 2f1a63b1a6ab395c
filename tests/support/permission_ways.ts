/**
 * How each built-in task is used, to see what it must be permitted.
 *
 * @module
 */
import { join } from "@std/path";
import type { Digest } from "../../lib/base/digest.ts";
import { baseImageWays, diskWays, imageWays } from "./permission_image_ways.ts";
import { bucketKeys, bucketOf, published } from "./permission_stock.ts";
import { byProxy, far, type Named, type Way, type Ways } from "./permission_way.ts";

/** How each task is used. */
export function permissionWays(named: Named): Ways {
  return {
    ...kexecWays(named),
    ...imageWays(named),
    ...baseImageWays(named),
    ...diskWays(named),
    ...publishWays(named),
    ...cacheWays(named),
    "runs": [{ args: [] }],
    "runs:show": [{ args: [named.made.run] }],
    "permissions": [{ args: ["kexec"] }],
  };
}

function kexecWays({ home2, servers, nixosAnywhere }: Named): Ways {
  const { origin, registry, sshd, nix, github } = servers;
  const url = origin.url("/b.tar.gz");
  const fresh = ["--url", origin.url("/c.tar.gz")];
  const install = [
    ...["--target", sshd.target, "--ssh-port", String(sshd.port)],
    ...["--identity-file", sshd.identityFile, "--known-hosts", sshd.knownHosts],
    ...["--flake", ".#a", "--yes", "--program", nixosAnywhere],
  ];
  return {
    "kexec": [
      { args: ["--url", url, "--lock", "kedge.lock", "--refresh"], env: { CI: "" } },
      { args: ["--url", origin.url("/b.tar.xz")], needs: ["xz"] },
      { args: ["--url", url, "--store"], env: nix.env, needs: ["nix-store"] },
      {
        args: fresh,
        env: { HOME: home2, KEDGE_CACHE_TIER: `docker://${registry.host}/team/cache` },
      },
      {
        args: fresh,
        env: {
          KEDGE_CACHE_TIER_INSECURE: "1",
          KEDGE_CACHE_TIER: `docker://${far}/team/more`,
          ...byProxy(servers),
        },
      },
    ],
    "nixos-anywhere": [
      {
        args: [
          ...install,
          ...["--kexec", "DIR/bundle.tar.gz", "--password-env", "PASSWORD_OF_HOST"],
        ],
        env: { PASSWORD_OF_HOST: "swordfish" },
        needs: ["*"],
      },
      {
        args: install,
        env: github.env,
      },
    ],
  };
}

function publishWays({ dir, home2, servers, made: { built, big } }: Named): Ways {
  const { binaries, nix } = servers;
  const bucket = bucketOf(servers);
  const version = ["--name", published.name, "--version", "4"];
  const catalogs = {
    sqlite: "sqlite://DIR/catalog.db",
    s3: "sqlite://DIR/s3.db",
    http: servers.catalog.url,
  };
  const to = (store: string, ...more: string[]): Way => ({
    args: ["pkg", ...version, "--catalog", catalogs.sqlite, "--to", store, ...more],
  });
  return {
    "publish": [
      to("file://DIR/store"),
      to("file://DIR/store", "--compression", "xz"),
      { args: ["pkg", ...version, "--catalog", catalogs.http, "--to", binaries.url] },
      { ...to(bucket), env: bucketKeys },
      { ...to(bucket), env: { HOME: home2 } },
      { args: [join(dir, "big"), ...version, "--catalog", big, "--to", `${binaries.url}/more`] },
      to("exec:true&read=file://DIR/store"),
      {
        args: [
          ...[built["top"]!, ...version, "--catalog", catalogs.sqlite],
          ...["--to", `local?root=${dir}/remote`],
        ],
        env: { ...nix.env, NIX_CONFIG: "require-sigs = false" },
        needs: ["*"],
      },
    ],
    "publish:verify": [
      { args: ["acme", "--catalog", catalogs.sqlite] },
      { args: ["acme", "--catalog", catalogs.http, "--verify", "full"] },
      { args: ["big", "--catalog", big, "--repair"] },
      { args: ["acme", "--catalog", catalogs.s3], env: bucketKeys },
      { args: ["acme", "--catalog", catalogs.s3], env: { HOME: home2 } },
      {
        args: ["packed", "--catalog", "sqlite://DIR/packed.db", "--verify", "full"],
        needs: ["*"],
      },
    ],
    "publish:rollback": [
      { args: ["acme", "--catalog", catalogs.sqlite, "--system", published.system] },
      { args: ["acme", "--catalog", catalogs.http, "--system", published.system] },
      { args: ["acme", "--catalog", catalogs.s3, "--system", published.system], env: bucketKeys },
      {
        args: ["acme", "--catalog", catalogs.s3, "--system", published.system],
        env: { HOME: home2 },
      },
    ],
    "publish:prune": [
      { args: ["--catalog", catalogs.sqlite, "--from", "file://DIR/store", "--keep", "0"] },
      {
        args: [
          ...["--catalog", catalogs.http, "--other-catalog", catalogs.sqlite],
          ...["--from", "file://DIR/store", "--keep", "9"],
        ],
      },
    ],
    "publish:keygen": [{ args: ["acme-1", "key", "--to", "file://DIR/store"] }],
    "catalog:ls": [
      { args: ["--catalog", catalogs.sqlite] },
      { args: ["--catalog", catalogs.http] },
    ],
    "catalog:show": [
      { args: ["acme", "--catalog", catalogs.sqlite] },
      { args: ["acme", "--catalog", catalogs.http] },
    ],
  };
}

function cacheWays({ home, home2, servers, bundle }: Named): Ways {
  const { registry } = servers;
  const damaged = (cwd: string) => damage(join(cwd, "cache"), bundle);
  return {
    "cache:dir": [{ args: [] }, { args: [], cacheDir: join(home, ".cache", "kedge") }],
    "cache:size": [{ args: [] }, { args: [], terminal: true }],
    "cache:ls": [{ args: [] }],
    "cache:why": [{ args: ["b.tar.gz"] }],
    "cache:verify": [
      { args: [] },
      {
        args: [],
        before: damaged,
        env: { HOME: home2, KEDGE_CACHE_TIER: `docker://${registry.host}/team/third` },
      },
      {
        args: [],
        before: damaged,
        env: {
          HOME: home2,
          KEDGE_CACHE_TIER_INSECURE: "1",
          KEDGE_CACHE_TIER: `docker://${far}/team/fourth`,
          ...byProxy(servers),
        },
      },
    ],
    "cache:prune": [{ args: ["--max-size", "1KiB", "--min-free", "1KiB"] }],
    "cache:clean": [{ args: [] }],
  };
}

/** Flips a bit of what a cache keeps. */
async function damage(cacheDir: string, digest: Digest): Promise<void> {
  const hex = digest.slice("sha256:".length);
  const path = join(cacheDir, "blobs-v1", "sha256", hex.slice(0, 2), hex);
  const bytes = await Deno.readFile(path);
  bytes[0]! ^= 1;
  await Deno.chmod(path, 0o644);
  await Deno.writeFile(path, bytes);
}
