import { join } from "@std/path";
import { persistFile, temporaryName } from "../../lib/base/atomic_file.ts";
import { lockFile } from "../../lib/base/file_lock.ts";

/** What making the root file system needs to be installed. */
export const debianPrograms: readonly string[] = ["debootstrap", "dpkg-deb", "tar"];

const mirror = "http://deb.debian.org/debian";
/** What a container that runs Nix never looks at. */
const suite = "bookworm";
const ballast = [
  ...["usr/share", "usr/sbin", "usr/lib/*/perl*", "usr/lib/*/gconv", "usr/lib/*/security"],
  ...["usr/lib/apt", "usr/lib/systemd", "usr/lib/udev", "var/cache", "var/lib", "debootstrap"],
];

/**
 * A tarball of a Debian root file system with Debian's Nix in it, as an image's layer.
 *
 * debootstrap makes it at the first use on a machine, which takes some 30 seconds; it is then kept beside other temporary files.
 */
export async function debianNixLayer(): Promise<Uint8Array<ArrayBuffer>> {
  const folder = join(Deno.env.get("TMPDIR") ?? "/tmp", `kedge-test-roots-${Deno.uid()}`);
  await Deno.mkdir(folder, { recursive: true });
  const path = join(folder, `${suite}-${Deno.build.arch}-nix.tar`);
  using _lock = await lockFile(`${path}.lock`);
  try {
    return await Deno.readFile(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  const temporary = temporaryName(path);
  await make(temporary);
  await persistFile(temporary, path);
  return await Deno.readFile(path);
}

async function make(tarball: string): Promise<void> {
  const root = await Deno.makeTempDir({ prefix: "kedge-debian-" });
  try {
    await sh(
      `debootstrap --foreign --variant=minbase --include=libdbi-perl,nix-bin ${suite} "$0" ${mirror}` +
        ` && for deb in "$0"/var/cache/apt/archives/*.deb; do dpkg-deb --extract "$deb" "$0"; done` +
        ` && cd "$0" && rm -rf ${ballast.join(" ")}` +
        ` && echo root:x:0:0::/root:/bin/sh >etc/passwd && echo root:x:0: >etc/group` +
        ` && tar --create --sort=name --mtime=@1 --owner=0 --group=0 --file="$1" .`,
      root,
      tarball,
    );
  } finally {
    await Deno.remove(root, { recursive: true });
  }
}

async function sh(script: string, ...args: string[]): Promise<void> {
  const { success, stdout, stderr } = await new Deno.Command("sh", {
    args: ["-c", script, ...args],
    stdin: "null",
  }).output();
  const decoder = new TextDecoder();
  if (!success) {
    throw new Error(`debootstrap failed: ${decoder.decode(stdout)}${decoder.decode(stderr)}`);
  }
}
