import { join } from "@std/path";
import { signalGroup } from "../../lib/base/process_group.ts";
import { freePort, waitForPort } from "./free_port.ts";
import { writeProgram } from "./program_file.ts";
import { findProgram } from "./real.ts";
import { removeTree } from "./remove_tree.ts";

/** A running sshd on loopback that lets one key in, as whoever runs the tests. */
export interface Sshd extends AsyncDisposable {
  /** `user@127.0.0.1`. */
  readonly target: string;
  /** Its port. */
  readonly port: number;
  /** The private key that it lets in. */
  readonly identityFile: string;
  /** A file with its host key. */
  readonly knownHosts: string;
  /** The home folder of the sessions. */
  readonly home: string;
  /** A folder at the front of the sessions' PATH. */
  readonly bin: string;
  /** What is needed to get in, as options. */
  readonly access: { target: string; port: number; identityFile: string; knownHosts: string };
  /** What `cat` reads there as the id of the boot. */
  readonly bootIdFile: string;
  /** What `grep` reads there as `/etc/os-release`. */
  readonly osReleaseFile: string;
  /** While this file is there, `cat` without arguments takes 1 MiB each 100 ms. */
  readonly slowFile: string;
  /** How many logins there were. */
  logins(): Promise<number>;
}

/** Options of {@linkcode startSshd}. */
export interface StartSshdOptions {
  /** The programs that its sessions find, by name, each a link to where it leads. @default {all of this machine} */
  programs?: Readonly<Record<string, string>>;
}

/**
 * Starts a real sshd with a configuration, keys and a home folder of its own. Its sessions see a host whose boot id and
 * operating system are files, so that a bundle's `kexec/run` can play a new boot.
 */
export async function startSshd({ programs }: StartSshdOptions = {}): Promise<Sshd> {
  const program = findProgram("sshd");
  if (program === undefined) throw new Error("sshd is not installed");
  const folder = await Deno.makeTempDir({ prefix: "kedge-sshd-" });
  const home = join(folder, "home");
  const bin = join(folder, "bin");
  const at = (name: string) => join(folder, name);
  await Deno.mkdir(home);
  await Deno.mkdir(bin);
  await keygen(at("host"));
  await keygen(at("user"));
  const port = await freePort();
  const hostKey = (await Deno.readTextFile(at("host.pub"))).split(" ").slice(0, 2).join(" ");
  await Deno.writeTextFile(at("known_hosts"), `[127.0.0.1]:${port} ${hostKey}\n`);
  await Deno.copyFile(at("user.pub"), at("authorized_keys"));
  await Deno.writeTextFile(at("boot_id"), "11111111-0000-4000-8000-000000000000\n");
  await Deno.writeTextFile(at("os-release"), 'ID=debian\nPRETTY_NAME="A host to be installed"\n');
  await writeFakes(bin, folder);
  if (programs !== undefined) await Deno.mkdir(at("programs"));
  for (const [name, path] of Object.entries(programs ?? {})) {
    await Deno.symlink(path, join(at("programs"), name));
  }
  const path = programs === undefined ? Deno.env.get("PATH") : at("programs");
  await Deno.writeTextFile(at("sshd_config"), configuration(folder, port, `${bin}:${path}`));
  if (Deno.uid() === 0) await Deno.mkdir("/run/sshd", { recursive: true, mode: 0o755 });
  const child = new Deno.Command(program, {
    args: ["-D", "-f", at("sshd_config"), "-E", at("log")],
    stdin: "null",
    stdout: "null",
    stderr: "null",
    detached: true,
  }).spawn();
  const log = () => Deno.readTextFile(at("log")).catch(() => "");
  try {
    await waitForPort(port);
  } catch (cause) {
    throw new Error(`sshd did not start: ${await log()}`, { cause });
  }
  const { USER } = Deno.env.toObject();
  const target = `${Deno.uid() === 0 ? "root" : USER}@127.0.0.1`;
  const identityFile = at("user");
  const knownHosts = at("known_hosts");
  return {
    target,
    port,
    identityFile,
    knownHosts,
    home,
    bin,
    access: { target, port, identityFile, knownHosts },
    bootIdFile: at("boot_id"),
    osReleaseFile: at("os-release"),
    slowFile: at("slow"),
    logins: async () => (await log()).split("Accepted publickey").length - 1,
    async [Symbol.asyncDispose]() {
      signalGroup(child.pid, "SIGKILL");
      await child.status;
      await removeTree(folder);
    },
  };
}

function configuration(folder: string, port: number, path: string): string {
  return `Port ${port}
ListenAddress 127.0.0.1
HostKey ${folder}/host
PidFile ${folder}/pid
AuthorizedKeysFile ${folder}/authorized_keys
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin yes
UsePAM no
StrictModes no
MaxStartups 100
PrintMotd no
UseDNS no
KexAlgorithms curve25519-sha256
SetEnv HOME=${folder}/home PATH=${path}
`;
}

async function writeFakes(bin: string, folder: string): Promise<void> {
  const script = async (name: string, text: string) =>
    await writeProgram(join(bin, name), `#!/bin/sh\n${text}`);
  await script(
    "cat",
    `case "$*" in
  /proc/sys/kernel/random/boot_id) exec /bin/cat '${folder}/boot_id' ;;
  "") if [ -e '${folder}/slow' ]; then
        while dd bs=1M count=1 iflag=fullblock 2>'${folder}/dd' && ! /bin/grep -q '^0+0' '${folder}/dd'; do
          [ ! -e '${folder}/slow' ] || sleep 0.1
        done
        exit 0
      fi ;;
esac
exec /bin/cat "$@"
`,
  );
  await script("cpio", "exit 1\n");
  await script(
    "grep",
    `for last; do :; done
if [ "$last" = /etc/os-release ]; then exec /bin/grep "$1" "$2" '${folder}/os-release'; fi
exec /bin/grep "$@"
`,
  );
}

async function keygen(path: string): Promise<void> {
  const { success, stderr } = await new Deno.Command("ssh-keygen", {
    args: ["-q", "-t", "ed25519", "-N", "", "-C", "kedge-test", "-f", path],
  }).output();
  if (!success) throw new Error(new TextDecoder().decode(stderr));
}
