/** A bundle of Debian's real kernel boots: from the cache in an emulated machine, and over ssh from one kernel into another. */
import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { join } from "@std/path";
import { Cache } from "../../../lib/cache/cache.ts";
import { checkBundle } from "../../../lib/kexec/check_bundle.ts";
import { SshSession } from "../../../lib/ssh/ssh_session.ts";
import { cacheKexec } from "../../../tasks/kexec/kexec.ts";
import { nixosAnywhere } from "../../../tasks/install/nixos_anywhere.ts";
import { stageKexec, targetArchitecture } from "../../../tasks/install/stage_kexec.ts";
import { makeBundle } from "../../support/bundle.ts";
import { fakeNixosAnywhere } from "../../support/fake_nixos_anywhere.ts";
import { guestPrograms, makeHostKey, makeInitrd } from "../../support/guest.ts";
import { inFolder } from "../../support/in_folder.ts";
import { debianKernels, type Kernel, kernelPrograms } from "../../support/kernels.ts";
import { startNginx } from "../../support/nginx.ts";
import { qemuPrograms, startQemu } from "../../support/qemu.ts";
import { realTest } from "../../support/real.ts";
import { compileStaticKexec, staticKexecPrograms } from "../../support/static_kexec.ts";

const programs = [
  ...qemuPrograms,
  ...guestPrograms,
  ...kernelPrograms,
  ...staticKexecPrograms,
  ...["nginx", "ssh", "ssh-keygen", "tar"],
  ...(await isDebian() ? [] : ["Debian for x86_64"]),
];

async function isDebian(): Promise<boolean> {
  if (Deno.build.os !== "linux" || Deno.build.arch !== "x86_64") return false;
  const about = await Deno.readTextFile("/etc/os-release").catch(() => "");
  return /^ID=debian$/m.test(about);
}

/** As in nixos-images: host keys and authorized keys go along, appended to the ramdisk; the boot follows in the background. */
const runScript = `#!/bin/sh
set -eu
flags=""
while [ $# -gt 0 ]; do
  case "$1" in --kexec-extra-flags) flags="$2"; shift ;; esac
  shift
done
here=$(dirname "$(readlink -f "$0")")
work=$(mktemp -d)
cd "$work"
mkdir ssh
cp /root/.ssh/authorized_keys ssh/authorized_keys
cp /etc/ssh/ssh_host_key ssh/ssh_host_key
"$here/ip" addr show >addrs
find . | cpio -o -H newc | gzip -9 >>"$here/initrd"
"$here/kexec" --load "$here/bzImage" $flags --initrd="$here/initrd" --no-checks \\
  --command-line "console=ttyS0 panic=-1"
echo "machine will boot into nixos in 6s..."
exec >/dev/kmsg 2>&1
nohup sh -c "sleep 1 && '$here/kexec' -e" &
`;

async function bundleOf(kernel: Kernel, folder: string, marker: string): Promise<string> {
  const initrd = join(folder, "initrd-of-bundle");
  const osRelease = "ID=nixos\nVARIANT_ID=installer\n";
  await makeInitrd({ path: initrd, kernel, marker, osRelease });
  const path = join(folder, "served", "installer-x86_64-linux.tar.gz");
  await Deno.mkdir(join(folder, "served"), { recursive: true });
  const text = (script: string) => new TextEncoder().encode(script);
  await makeBundle(path, {
    files: {
      bzImage: await Deno.readFile(kernel.image),
      initrd: await Deno.readFile(initrd),
      run: text(runScript),
      kexec: await compileStaticKexec(),
      ip: text('#!/bin/sh\nexec busybox ip "$@"\n'),
    },
  });
  return path;
}

realTest("a bundle boots from the cached tarball", programs, () =>
  inFolder(async (folder) => {
    const kernels = await debianKernels();
    const kernel = kernels.at(-1)!;
    await bundleOf(kernel, folder, "from-the-cache");
    await using nginx = await startNginx({ root: join(folder, "served") });
    const ctx = { cache: new Cache(join(folder, "cache")) };
    const { path } = await cacheKexec(
      { url: `${nginx.url}/installer-x86_64-linux.tar.gz` },
      ctx,
    );
    const contents = await checkBundle(path);
    assertEquals(contents.architecture, "x86_64-linux");
    assertEquals(contents.kernelVersion, kernel.release);
    const { success } = await new Deno.Command("tar", { args: ["-xf", path, "-C", folder] })
      .output();
    assert(success);
    await using machine = await startQemu({
      kernel: join(folder, "kexec/bzImage"),
      initrd: join(folder, "kexec/initrd"),
    });
    await machine.seen(`KEDGE-GUEST from-the-cache ${kernel.release} `);
  }));

realTest(
  "a host is booted over ssh from one kernel into the bundle's",
  programs,
  () =>
    inFolder(async (folder) => {
      const kernels = await debianKernels();
      const before = kernels[0];
      const after = kernels.at(-1)!;
      const bundle = await bundleOf(after, folder, "installer");
      const identityFile = join(folder, "id");
      await new Deno.Command("ssh-keygen", {
        args: ["-q", "-t", "ed25519", "-N", "", "-f", identityFile],
      }).output();
      const { key, publicKey } = await makeHostKey();
      const initrd = join(folder, "initrd");
      await makeInitrd({
        path: initrd,
        kernel: before,
        marker: "old-system",
        osRelease: "ID=debian\n",
        access: { authorizedKeys: await Deno.readTextFile(`${identityFile}.pub`), hostKey: key },
      });
      await using machine = await startQemu({ kernel: before.image, initrd });
      const knownHosts = join(folder, "known_hosts");
      await Deno.writeTextFile(knownHosts, `[127.0.0.1]:${machine.sshPort} ${publicKey}\n`);
      await machine.seen("KEDGE-GUEST old-system ");

      const ctx = { cache: new Cache(join(folder, "cache")) };
      const access = { target: "root@127.0.0.1", port: machine.sshPort, identityFile, knownHosts };
      const ask = async (what: string) => (await new SshSession(access).run(what)).stdout.trim();
      const bootId = "cat /proc/sys/kernel/random/boot_id";
      assertEquals(await targetArchitecture(access, ctx), "x86_64-linux");
      assertEquals(await ask("uname -r"), before.release);
      const firstBoot = await ask(bootId);

      const brought = await stageKexec({ ...access, bundle, boot: false }, ctx);
      assertEquals(brought.bytesMoved, brought.size);
      const fake = await fakeNixosAnywhere(folder);
      const installed = await nixosAnywhere({
        ...access,
        flake: ".#guest",
        kexec: bundle,
        stage: true,
        postKexecSshPort: machine.sshPort,
        bootTimeout: "400s",
        program: fake.program,
      }, ctx);

      assertEquals(installed.staged?.booted, true);
      assertEquals(installed.staged?.release, after.release);
      assertEquals([installed.bytesMoved, installed.bytesReused], [0, brought.size]);
      assert(machine.isRunning, "the machine ended");
      assertNotEquals(await ask(bootId), firstBoot);
      assertEquals(await ask("uname -r"), after.release);
      if (kernels.length > 1) assertNotEquals(after.release, before.release);
      await machine.seen(`KEDGE-GUEST installer ${after.release} `);
      assert((await fake.onlyCall()).args.includes("disko,install,reboot"));
      const again = await stageKexec({ ...access, bundle }, ctx);
      assertEquals([again.changed, again.booted], [false, false]);
    }),
);
