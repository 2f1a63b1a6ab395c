import { ensureDir, exists } from "@std/fs";
import { join } from "@std/path";
import { TemporaryFolder } from "../../lib/base/atomic_file.ts";
import { lockFile } from "../../lib/base/file_lock.ts";

/** A kernel of Debian and its drivers for virtual machines, unpacked but not installed. */
export interface Kernel {
  /** What `uname -r` says of it. */
  release: string;
  /** The kernel. */
  image: string;
  /** The folder of its modules. */
  modules: string;
}

/** Programs that {@linkcode debianKernels} runs. */
export const kernelPrograms = ["apt-get", "apt-cache", "dpkg-deb"];

/**
 * Two of Debian's kernels for clouds, the current one and another of the newest, kept in a folder of the user's cache; one alone where
 * Debian offers no other.
 */
export async function debianKernels(): Promise<[Kernel, ...Kernel[]]> {
  const folder = join(
    Deno.env.get("XDG_CACHE_HOME") ?? join(Deno.env.get("HOME") ?? "/tmp", ".cache"),
    "kedge-tests",
  );
  await ensureDir(folder);
  using _lock = await lockFile(join(folder, "lock"));
  const [current, other] = await packageNames();
  const first = await kernelOf(current, folder);
  return other === undefined ? [first] : [first, await kernelOf(other, folder)];
}

async function packageNames(): Promise<[string, string | undefined]> {
  let depends = await output("apt-cache", "depends", "linux-image-cloud-amd64").catch(() => "");
  if (!depends.includes("Depends:")) {
    await output("apt-get", "-q", "update");
    depends = await output("apt-cache", "depends", "linux-image-cloud-amd64");
  }
  const current = /Depends: (linux-image-\S+)/.exec(depends)?.[1];
  if (current === undefined) throw new Error("Debian's kernel for clouds is not known to apt-get");
  const names = (await output("apt-cache", "pkgnames", "linux-image-")).split("\n")
    .filter((name) => /^linux-image-\d+\.\d+\.\d+\S*-cloud-amd64$/.test(name) && name !== current)
    .sort((a, b) => b.localeCompare(a, "en", { numeric: true }));
  return [current, names[0]];
}

async function kernelOf(name: string, folder: string): Promise<Kernel> {
  const unpacked = join(folder, name);
  if (!await exists(unpacked)) {
    await using work = await TemporaryFolder.make(folder);
    await output("apt-get", "-q", "download", name, { cwd: work.path }).catch(async () => {
      await output("apt-get", "-q", "update");
      await output("apt-get", "-q", "download", name, { cwd: work.path });
    });
    const entries = await Array.fromAsync(Deno.readDir(work.path));
    const file = entries.find((entry) => entry.name.endsWith(".deb"));
    if (file === undefined) throw new Error(`${name} did not come`);
    await Deno.mkdir(join(work.path, "x"));
    const wanted = ["*/boot/vmlinuz-*", "*/virtio*.ko*", "*failover.ko*"];
    const script = 'dpkg-deb --fsys-tarfile "$1" | tar -x -C "$2" --wildcards "$3" "$4" "$5"';
    const paths = [join(work.path, file.name), join(work.path, "x")];
    await output("sh", "-c", script, "sh", ...paths, ...wanted);
    await Deno.rename(join(work.path, "x"), unpacked);
  }
  const release = name.slice("linux-image-".length);
  const roots = [join(unpacked, "lib/modules"), join(unpacked, "usr/lib/modules")];
  const modules = await exists(roots[0]!) ? roots[0]! : roots[1]!;
  return {
    release,
    image: join(unpacked, "boot", `vmlinuz-${release}`),
    modules: join(modules, release),
  };
}

async function output(
  program: string,
  ...args: (string | { cwd: string })[]
): Promise<string> {
  const last = args.at(-1);
  const { success, stdout, stderr } = await new Deno.Command(program, {
    args: args.filter((arg) => typeof arg === "string"),
    stdin: "null",
    ...(typeof last === "object" ? { cwd: last.cwd } : {}),
  }).output();
  if (!success) throw new Error(`${program} failed: ${new TextDecoder().decode(stderr)}`);
  return new TextDecoder().decode(stdout);
}
