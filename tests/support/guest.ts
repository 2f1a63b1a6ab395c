/**
 * Initial ramdisks that are a whole small system: busybox, the network card's modules, and dropbear as its sshd.
 *
 * @module
 */
import { ensureDir, exists, walk } from "@std/fs";
import { basename, dirname, join } from "@std/path";
import type { Kernel } from "./kernels.ts";
import { findProgram } from "./real.ts";

/** Options of {@linkcode makeInitrd}. */
export interface MakeInitrdOptions {
  /** Where it goes. */
  path: string;
  /** The kernel whose modules it takes along. */
  kernel: Kernel;
  /** What it says on the console once it is up: `KEDGE-GUEST marker release`. */
  marker: string;
  /** Its `/etc/os-release`. */
  osRelease: string;
  /** Who may log in and by what host key; without it, what `/ssh` in a later archive of the same ramdisk says. */
  access?: { authorizedKeys: string; hostKey: Uint8Array };
}

/** Programs that {@linkcode makeInitrd} takes along or runs. */
export const guestPrograms = ["busybox", "dropbear", "dropbearkey", "ldd", "xz"];

/** In the order in which they are loaded. */
const modules = [
  ...["virtio_ring", "virtio", "virtio_pci_legacy_dev", "virtio_pci_modern_dev", "virtio_pci"],
  ...["failover", "net_failover", "virtio_net"],
];

/** Like the NixOS installer, it takes host keys and authorized keys that `kexec/run` put into `/ssh`. */
const init = (marker: string) =>
  `#!/bin/busybox sh
/bin/busybox mkdir -p /proc /sys /dev /tmp /run /var/log /sbin /usr/bin /usr/sbin
/bin/busybox mount -t devtmpfs dev /dev
exec >/dev/console 2>&1 </dev/null
/bin/busybox mount -t proc proc /proc
/bin/busybox mount -t sysfs sys /sys
mkdir -p /dev/pts; mount -t devpts pts /dev/pts
for module in ${modules.join(" ")}; do
  [ ! -e /modules/$module.ko ] || insmod /modules/$module.ko
done
ip link set lo up
ip addr add 10.0.2.15/24 dev eth0
ip link set eth0 up
ip route add default via 10.0.2.2
mkdir -p /root/.ssh /etc/ssh
if [ -d /ssh ]; then
  cp /ssh/authorized_keys /root/.ssh/authorized_keys
  cp /ssh/ssh_host_key /etc/ssh/ssh_host_key
fi
chmod 700 /root /root/.ssh; chmod 600 /root/.ssh/authorized_keys
dropbear -E -s -r /etc/ssh/ssh_host_key -p 22
echo "KEDGE-GUEST ${marker} $(uname -r) $(cat /proc/sys/kernel/random/boot_id)"
while :; do sleep 3600; done
`;

/** Makes an initial ramdisk. */
export async function makeInitrd(options: MakeInitrdOptions): Promise<void> {
  const root = await Deno.makeTempDir({ prefix: "kedge-initrd-" });
  try {
    await fill(root, options);
    const busybox = findProgram("busybox")!;
    await run(
      "sh",
      [
        "-c",
        'cd "$1" && find . | "$2" cpio -o -H newc -R 0:0 | gzip -1 >"$3"',
        ...["sh", root, busybox, options.path],
      ],
    );
  } finally {
    await Deno.remove(root, { recursive: true });
  }
}

async function fill(root: string, options: MakeInitrdOptions): Promise<void> {
  const put = async (path: string, contents: string | Uint8Array, mode = 0o644) => {
    await ensureDir(dirname(join(root, path)));
    const bytes = typeof contents === "string" ? new TextEncoder().encode(contents) : contents;
    await Deno.writeFile(join(root, path), bytes, { mode });
  };
  const program = async (path: string, source: string) =>
    await put(path, await Deno.readFile(source), 0o755);
  await put("init", init(options.marker), 0o755);
  await program("bin/busybox", findProgram("busybox")!);
  for (const applet of (await run(findProgram("busybox")!, ["--list"])).trim().split("\n")) {
    if (applet !== "busybox") await Deno.symlink("busybox", join(root, "bin", applet));
  }
  if (!await exists(join(root, "bin/nohup"))) {
    await put("bin/nohup", "#!/bin/sh\ntrap '' HUP\nexec \"$@\"\n", 0o755);
  }
  const dropbear = findProgram("dropbear")!;
  await program("bin/dropbear", dropbear);
  for (const library of await librariesOf([dropbear, findProgram("busybox")!])) {
    await program(library.slice(1), await Deno.realPath(library));
  }
  await put("etc/passwd", "root:x:0:0:root:/root:/bin/sh\n");
  await put("etc/group", "root:x:0:\n");
  await put("etc/shells", "/bin/sh\n");
  await put("etc/os-release", options.osRelease);
  await putModules(root, options.kernel);
  if (options.access === undefined) return;
  await put("ssh/authorized_keys", options.access.authorizedKeys, 0o600);
  await put("ssh/ssh_host_key", options.access.hostKey, 0o600);
}

/** The libraries that programs load; a static one loads none, and `ldd` then ends with an error. */
async function librariesOf(programs: readonly string[]): Promise<Set<string>> {
  const { stdout } = await new Deno.Command("ldd", { args: [...programs] }).output();
  const lines = new TextDecoder().decode(stdout).split("\n");
  return new Set(lines.flatMap((line) => /^\s.*?(\/\S+) \(0x/.exec(line)?.[1] ?? []));
}

async function putModules(root: string, kernel: Kernel): Promise<void> {
  await ensureDir(join(root, "modules"));
  for await (const { path, isFile } of walk(join(kernel.modules, "kernel"))) {
    const [name, packing] = basename(path).split(".ko");
    if (!isFile || !modules.includes(name!.replaceAll("-", "_"))) continue;
    const target = join(root, "modules", `${name}.ko`);
    if (packing === "") await Deno.copyFile(path, target);
    else await run("sh", ["-c", 'xz -dc -- "$1" >"$2"', "sh", path, target]);
  }
}

/** A host key for dropbear, and the line of its public half. */
export async function makeHostKey(): Promise<{ key: Uint8Array<ArrayBuffer>; publicKey: string }> {
  const folder = await Deno.makeTempDir({ prefix: "kedge-hostkey-" });
  try {
    const path = join(folder, "key");
    const said = await run("dropbearkey", ["-t", "ed25519", "-f", path]);
    const publicKey = /^ssh-ed25519 \S+/m.exec(said)?.[0];
    if (publicKey === undefined) throw new Error(said);
    return { key: await Deno.readFile(path), publicKey };
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

async function run(program: string, args: readonly string[]): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command(program, { args: [...args] }).output();
  if (!success) throw new Error(`${program} failed: ${new TextDecoder().decode(stderr)}`);
  return new TextDecoder().decode(stdout);
}
