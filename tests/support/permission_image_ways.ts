import { copy } from "@std/fs";
import { join } from "@std/path";
import { bucketKeys, bucketOf } from "./permission_stock.ts";
import { byProxy, far, type Named, type Ways } from "./permission_way.ts";

/** How the tasks of images are used. */
export function imageWays({ servers }: Named): Ways {
  const vm = `docker://${servers.registry.host}/acme/vm`;
  return {
    "image:sync": [
      { args: ["oci:images:new", `${vm}:new`], needs: ["*"] },
      {
        args: ["oci:images:new", `docker://${far}/acme/new:a`, "--insecure-registry", far],
        env: byProxy(servers),
      },
      { args: [`${vm}:a`, "oci:copy:a"] },
      { args: ["oci:images:a", "docker-daemon:a"], needs: ["*"] },
    ],
    "image:ls": [{ args: ["oci:images"] }, { args: [vm], needs: ["*"] }],
    "image:inspect": [{ args: ["oci:images:a"] }, { args: [`${vm}:a`], needs: ["*"] }],
    "image:diff": [{ args: ["oci:images:a", `${vm}:b`], needs: ["*"] }],
    "image:gc": [{ args: ["oci:images", "--untag", "a", "--grace", "0s"] }],
    "image:rm": [{ args: ["oci:images:b"] }, { args: [`${vm}:none`], needs: ["*"] }],
  };
}

/** How the tasks of base images and their stores are used. */
export function baseImageWays({ home2, servers, made: { nixFolder, libc } }: Named): Ways {
  const { registry, binaries } = servers;
  const bucket = bucketOf(servers);
  const ownCopy = (cwd: string) => copy(nixFolder.folder, join(cwd, "carried"));
  return {
    "base-image": [
      { args: ["--repository", `${registry.host}/nixos/nix`, "--to", "oci:nix:a"], needs: ["*"] },
      { args: ["--repository", `${registry.host}/nixos/nix`, "--to", "docker-daemon:nix"] },
      {
        args: [
          ...["--repository", `${registry.host}/nixos/nix`, "--insecure-registry", far],
          ...["--to", `docker://${far}/nixos/copy:a`],
        ],
        env: byProxy(servers),
      },
    ],
    "base-image:carry": [
      {
        args: ["--repository", `${registry.host}/nixos/nix`, "--folder", "DIR/new"],
        unscoped: true,
        needs: ["*"],
      },
      {
        args: [
          ...["--repository", `${registry.host}/nixos/nix`, "--folder", "DIR/new"],
          ...["--copy", "oci:DIR/copy:nix"],
        ],
        unscoped: true,
      },
      {
        args: [
          ...["--repository", `${registry.host}/nixos/nix`, "--folder", "DIR/new"],
          ...["--copy", `docker://${far}/nixos/other:a`, "--insecure-registry", far],
        ],
        env: byProxy(servers),
        unscoped: true,
      },
      { args: ["--repository", `${registry.host}/nixos/nix`, "--volume", "new"], fails: true },
    ],
    "base-image:prune": [
      { args: ["--folder", "DIR/carried", "--keep", "0"], before: ownCopy, needs: ["*"] },
    ],
    "base-image:export": [
      { args: [libc, "--folder", nixFolder.folder, "--to", "file://DIR/elsewhere"] },
      { args: ["--folder", nixFolder.folder, "--to", `${binaries.url}/second`] },
      { args: [libc, "--folder", nixFolder.folder, "--to", bucket], env: bucketKeys },
      {
        args: [libc, "--folder", nixFolder.folder, "--to", bucket],
        env: { HOME: home2 },
      },
      { args: ["--volume", "new", "--to", binaries.url], fails: true, needs: ["*"] },
    ],
    "base-image:import": [
      {
        args: [libc, "--folder", "DIR/new", "--from", "file://DIR/exported"],
        unscoped: true,
      },
      {
        args: [libc, "--folder", "DIR/carried", "--from", binaries.url],
        before: ownCopy,
        unscoped: true,
      },
      { args: [libc, "--folder", "DIR/new", "--from", bucket], env: bucketKeys, unscoped: true },
      {
        args: [libc, "--folder", "DIR/new", "--from", bucket],
        env: { HOME: home2 },
        unscoped: true,
      },
      {
        args: [libc, "--volume", "new", "--from", binaries.url],
        fails: true,
        needs: ["*"],
      },
    ],
  };
}

/** How the tasks of disks are used. */
export function diskWays({ servers }: Named): Ways {
  const disk = `docker://${servers.registry.host}/acme/disk`;
  return {
    "disk:push": [
      { args: ["a.img", "oci:new:a"] },
      { args: ["large.img", `${disk}:new`], needs: ["*"] },
      {
        args: ["large.img", `docker://${far}/acme/other:new`, "--insecure-registry", far],
        env: byProxy(servers),
      },
    ],
    "disk:pull": [
      { args: ["oci:disks:a", "new.img"] },
      { args: [`${disk}:a`, "new.img"], needs: ["*"] },
    ],
    "disk:verify": [
      { args: ["oci:disks:a", "a.img"] },
      { args: [`${disk}:b`, "a.img", "--repair"], needs: ["*"] },
      { args: ["oci:disks:a", "a-cut.img", "--repair"] },
    ],
    "disk:inspect": [{ args: ["oci:disks:a"] }, { args: [`${disk}:a`], needs: ["*"] }],
    "disk:diff": [{ args: ["oci:disks:a", `${disk}:b`], needs: ["*"] }],
  };
}
