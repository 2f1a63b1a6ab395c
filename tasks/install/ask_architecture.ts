import { checkOptions } from "../../lib/base/check_options.ts";
import { KedgeError, UsageError } from "../../lib/base/errors.ts";
import { architectureOfMachine, type KexecArchitecture } from "../../lib/kexec/architecture.ts";
import { resolveContext, type TaskContextOptions } from "../../lib/runner/context.ts";
import { answerFunction, readAnswers } from "../../lib/ssh/read_answers.ts";
import { SshSession } from "../../lib/ssh/ssh_session.ts";
import { checkSshTarget, type SshTarget } from "../../lib/ssh/ssh_target.ts";

/** Does the work of `targetArchitecture`. */
export async function runTargetArchitecture(
  target: SshTarget,
  ctx: TaskContextOptions = {},
): Promise<KexecArchitecture> {
  checkOptions(target, {});
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
