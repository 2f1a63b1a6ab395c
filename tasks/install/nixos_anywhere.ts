import type { Figures } from "../../lib/operation/figures.ts";
import type { TaskContextOptions } from "../../lib/runner/context.ts";
import type { InstallPhase, NixosAnywhereOptions } from "./nixos_anywhere_options.ts";
import type { StageKexecResult } from "./stage_kexec.ts";

/** What {@linkcode nixosAnywhere} gives. */
export interface NixosAnywhereResult extends Figures {
  /** The host; absent in a test in a virtual machine. */
  target?: string;
  /** The command that ran, or would run, without secrets. */
  command: readonly string[];
  /** The phases that the program ran, or would run. */
  phases: readonly InstallPhase[];
  /** The result of staging the bundle, with `stage`. */
  staged?: StageKexecResult;
}

export { installQuestion } from "./install_question.ts";

/**
 * Installs NixOS on a host with nixos-anywhere: erases the host's disks, as `disko` in the flake says, and installs the system of the flake.
 *
 * The program nixos-anywhere is the one on PATH, else it is run by `nix run`. It gets the cached kexec bundle. With `stage`, kedge copies
 * the bundle to the host itself (resumable, verified, only what is missing), boots it, and leaves the other phases to the program.
 *
 * The program does not check host keys; kedge does, where it logs in. Secrets are passed in the environment, or in files that only this user
 * can read. What the program prints is reported as notes. An abort ends it with all that it started. A dry run shows the command.
 *
 * @throws {UsageError} if an option is malformed, or options contradict each other
 * @throws {KedgeError} if the question was declined, or the program is missing or failed
 *
 * @example
 * ```ts
 * import { cacheKexec, nixosAnywhere } from "@kedge/kedge";
 *
 * async function install(host: string): Promise<void> {
 *   const bundle = await cacheKexec({ arch: "x86_64-linux" });
 *   await nixosAnywhere({
 *     flake: `.#${host}`,
 *     target: `root@${host}.acme.dev`,
 *     kexec: bundle.path,
 *     stage: true,
 *   });
 * }
 * ```
 */
export async function nixosAnywhere(
  options: NixosAnywhereOptions,
  ctx: TaskContextOptions = {},
): Promise<NixosAnywhereResult> {
  const { runNixosAnywhere } = await import("./nixos_anywhere_install.ts");
  return await runNixosAnywhere(options, ctx);
}
