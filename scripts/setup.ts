// deno-lint-ignore-file no-console -- a script speaks to a terminal
/**
 * Installs the real servers and tools that the tests use: on Debian, as root, by apt-get. Elsewhere it installs nothing
 * and says exactly what is missing; the tests that need it are then counted as skipped.
 *
 * @module
 */
import { findProgram } from "../tests/support/real.ts";

/** Each program that a test needs, and the Debian package that brings it. */
const packages: Readonly<Record<string, string>> = {
  "aria2c": "aria2",
  "busybox": "busybox-static",
  "curl": "curl",
  "debootstrap": "debootstrap",
  "docker": "docker.io",
  "docker-registry": "docker-registry",
  "dropbear": "dropbear-bin",
  "fish": "fish",
  "htpasswd": "apache2-utils",
  "nginx": "nginx-extras",
  "nix": "nix-bin",
  "openssl": "openssl",
  "podman": "podman",
  "qemu-system-x86_64": "qemu-system-x86",
  "runc": "runc",
  "script": "bsdutils",
  "skopeo": "skopeo",
  "ssh": "openssh-client",
  "sshd": "openssh-server",
  "tar": "tar",
  "tcc": "tcc",
  "umoci": "umoci",
  "xz": "xz-utils",
  "zsh": "zsh",
  "zstd": "zstd",
};

const policyFile = "/usr/sbin/policy-rc.d";

/** The programs that are not there. */
function missingPrograms(): string[] {
  return Object.keys(packages).filter((program) => findProgram(program) === undefined);
}

/** Installs what is missing, where that is possible; gives what is still missing. */
export async function setup(): Promise<string[]> {
  const missing = missingPrograms();
  if (missing.length === 0) return [];
  if (Deno.build.os !== "linux" || Deno.uid() !== 0 || findProgram("apt-get") === undefined) {
    return missing;
  }
  const wanted = missing.map((program) => packages[program]!);
  console.error(`Installing ${wanted.join(" ")}`);
  await withoutServices(async () => {
    if (!await apt("install", "-y", "--no-install-recommends", ...wanted)) {
      await apt("update");
      await apt("install", "-y", "--no-install-recommends", ...wanted);
    }
  });
  return missingPrograms();
}

/** Lets packages be installed without starting the services that they bring. */
async function withoutServices(install: () => Promise<void>): Promise<void> {
  const policy = "#!/bin/sh\nexit 101\n";
  let made = false;
  try {
    await Deno.writeTextFile(policyFile, policy, { createNew: true, mode: 0o755 });
    made = true;
  } catch (error) {
    if (!(error instanceof Deno.errors.AlreadyExists)) throw error;
  }
  try {
    await install();
  } finally {
    if (made) await Deno.remove(policyFile);
  }
}

async function apt(...args: string[]): Promise<boolean> {
  const { success, stderr } = await new Deno.Command("apt-get", {
    args: ["-q", ...args],
    env: { DEBIAN_FRONTEND: "noninteractive" },
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  }).output();
  if (!success) console.error(new TextDecoder().decode(stderr).trim());
  return success;
}

/** What to tell a reader whose machine lacks something. */
export function missingMessage(missing: readonly string[]): string {
  const wanted = missing.map((program) => packages[program]!).join(" ");
  return `Not installed: ${missing.join(", ")}. On Debian, as root: apt-get install ${wanted}`;
}

if (import.meta.main) {
  const missing = await setup();
  console.error(missing.length === 0 ? "Everything is installed" : missingMessage(missing));
  if (missing.length > 0) Deno.exitCode = 1;
}
