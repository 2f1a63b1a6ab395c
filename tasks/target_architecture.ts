import type { KexecArchitecture } from "../lib/kexec/architecture.ts";
import type { TaskContextOptions } from "../lib/runner/context.ts";
import type { SshTarget } from "../lib/ssh/ssh_target.ts";

/**
 * Asks a host over ssh for which machine a kexec bundle for it must be (`uname -m`).
 *
 * @throws {UsageError} if the target is malformed, or no remote may be asked
 * @throws {NotAllowedError} if the host refuses the login, or its key is not the known one
 * @throws {UnreachableError} if the host is not reached
 * @throws {KedgeError} if there are no bundles for its machine
 *
 * @example
 * ```ts
 * import { cacheKexec, type CacheKexecResult, targetArchitecture } from "@kedge/kedge";
 *
 * async function bundleFor(target: string): Promise<CacheKexecResult> {
 *   return await cacheKexec({ arch: await targetArchitecture({ target }) });
 * }
 * ```
 */
export async function targetArchitecture(
  target: SshTarget,
  ctx: TaskContextOptions = {},
): Promise<KexecArchitecture> {
  const { runTargetArchitecture } = await import("./ask_architecture.ts");
  return await runTargetArchitecture(target, ctx);
}
