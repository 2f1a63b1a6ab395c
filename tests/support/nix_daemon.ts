import { assert } from "@std/assert";
import { delay } from "@std/async";
import { join } from "@std/path";
import { ifThere } from "../../lib/base/files.ts";
import type { NixWorld } from "./nix.ts";
import { writeProgram } from "./program_file.ts";
import { findProgram } from "./real.ts";
import type { Sshd } from "./sshd.ts";

/** Starts a daemon of Nix with these variables; it is there once it listens, which is a little after its socket is. */
export async function startNixDaemon(
  socket: string,
  env: Record<string, string>,
): Promise<AsyncDisposable> {
  // One that ended leaves its socket.
  if (await ifThere(Deno.lstat(socket)) !== undefined) await Deno.remove(socket);
  const daemon = new Deno.Command("nix-daemon", {
    env: { ...env, NIX_DAEMON_SOCKET_PATH: socket },
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).spawn();
  let ended = false;
  daemon.status.then(() => ended = true);
  while (!await listens(socket)) {
    assert(!ended, "the daemon ended");
    await delay(20);
  }
  return {
    async [Symbol.asyncDispose]() {
      daemon.kill("SIGTERM");
      await daemon.status;
    },
  };
}

async function listens(socket: string): Promise<boolean> {
  try {
    (await Deno.connect({ transport: "unix", path: socket })).close();
    return true;
  } catch (error) {
    const { NotFound, ConnectionRefused } = Deno.errors;
    if (error instanceof NotFound || error instanceof ConnectionRefused) return false;
    throw error;
  }
}

/**
 * Makes Nix reachable on a host over ssh.
 *
 * @param remote the store there, as Nix takes it
 * @returns the store's URI, and the variables that lead Nix in
 */
export async function nixOverSsh(
  world: NixWorld,
  sshd: Sshd,
  remote: string,
): Promise<{ store: string; env: Record<string, string> }> {
  const settings = Object.entries({
    NIX_STORE_DIR: world.storeDir,
    NIX_CONF_DIR: world.env["NIX_CONF_DIR"],
    NIX_CONFIG: "require-sigs = false",
  }).map(([name, value]) => `export ${name}='${value}'\n`);
  await writeProgram(
    join(sshd.bin, "nix-daemon"),
    `#!/bin/sh\n${settings.join("")}exec ${findProgram("nix-daemon")} "$@"\n`,
  );
  return {
    store: `ssh-ng://${sshd.target}?ssh-key=${sshd.identityFile}&remote-store=${remote}`,
    env: { NIX_SSHOPTS: `-p ${sshd.port} -o UserKnownHostsFile=${sshd.knownHosts}` },
  };
}
