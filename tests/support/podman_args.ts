import { join } from "@std/path";

/** Arguments before every command of a podman with a storage of its own. */
export function podmanArgs(folder: string, driver: "vfs" | "overlay"): readonly string[] {
  return [
    `--root=${join(folder, "root")}`,
    `--runroot=${join(folder, "run")}`,
    "--runtime=runc",
    "--cgroup-manager=cgroupfs",
    `--storage-driver=${driver}`,
  ];
}

/** Arguments of every run. */
export const podmanRunArgs: readonly string[] = [
  "--ulimit=nofile=1024:1024",
  "--ulimit=nproc=1000:1000",
  "--network=none",
];
