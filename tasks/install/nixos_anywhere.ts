import type { Figures } from "../../lib/operation/figures.ts";
import type { TaskContextOptions } from "../../lib/runner/context.ts";
import type { InstallPhase, NixosAnywhereOptions } from "./nixos_anywhere_options.ts";
import type { StageKexecResult } from "./stage_kexec.ts";

/** What {@linkcode nixosAnywhere} gives. */
export interface NixosAnywhereResult extends Figures {
  /** The host; absent in a test in a virtual machine. */
  target?: string;
  /** The command that ran, or would; secrets are not in it. */
  command: readonly string[];
  /** The phases that the program ran, or would. */
  phases: readonly InstallPhase[];
  /** What staging the bundle came to. */
  staged?: StageKexecResult;
}

export { installQuestion } from "./install_question.ts";

/**
 * Installs NixOS on a host: erases its disks, as `disko` in the flake says, and puts the system there.
 *
 * The program nixos-anywhere does it: the one on PATH, else by `nix run`. It is handed the cached kexec bundle; with `stage`, kedge brings
 * the bundle to the host itself (resumable, verified, only what is missing), boots it, and leaves the other phases to the program.
 * The program itself checks no host keys; kedge, where it logs in, does. Secrets reach the program by its environment or by files that only the user can read. What it prints becomes notes of the report. An
 * abort ends it with all that it started. A dry run shows the command.
 *
 * @throws {UsageError} if an option is malformed, or options contradict each other
 * @throws {KedgeError} if the question was declined, or the program failed or is not there
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
