import { KedgeError, UsageError } from "../lib/base/errors.ts";
import { architectureOfMachine, type KexecArchitecture } from "../lib/kexec/architecture.ts";
import { resolveContext, type TaskContextOptions } from "../lib/runner/context.ts";
import { answerFunction, readAnswers } from "../lib/ssh/read_answers.ts";
import { SshSession } from "../lib/ssh/ssh_session.ts";
import { checkSshTarget, type SshTarget } from "../lib/ssh/ssh_target.ts";

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
  const context = resolveContext(ctx);
  checkSshTarget(target);
  if (context.offline) {
    throw new UsageError(`Cannot ask "${target.target}" for its architecture offline`, {
      hint: "name the architecture, or leave out --offline",
    });
  }
  const session = new SshSession(target, { signal: context.signal });
  const { stdout } = await session.run(`${answerFunction}; answer machine "$(uname -m)"`);
  const { machine = "" } = readAnswers(stdout);
  const architecture = architectureOfMachine(machine);
  if (architecture !== undefined) return architecture;
  throw new KedgeError(
    `Cannot choose a kexec bundle for "${target.target}": its machine is ${
      machine === "" ? "unknown" : JSON.stringify(machine)
    }`,
    { hint: "bundles are made for x86_64 and aarch64", side: "destination" },
  );
}
