import { KedgeError, NotAllowedError } from "../../lib/base/errors.ts";
import { failingDiskHint } from "../../lib/base/failing_disk.ts";
import { isDenied } from "../../lib/base/files.ts";
import type { WritingAhead } from "../../lib/nix/stores/foresee_writing.ts";
import type { NixFolder } from "../../lib/nix/folder/nix_folder.ts";
import type { Figures, Plan } from "../../lib/operation/figures.ts";
import type { Operation, Step } from "../../lib/operation/operation.ts";
import { runOperation } from "../../lib/operation/run_operation.ts";
import type { TaskContext } from "../../lib/runner/context.ts";
import { goneHint } from "./gone_hint.ts";
import type { NixPlace } from "./nix_place.ts";

/** What the system says of a path that leads nowhere, whoever asks. */
const noPaths = ["ELOOP", "ENAMETOOLONG"];
/** What it says where something else stands than must be there. */
const others = ["ENOTDIR", "EISDIR", "EEXIST"];
const hints: Readonly<Record<string, string>> = {
  EIO: failingDiskHint,
  ENOENT: goneHint,
  ...Object.fromEntries(
    others.map((code) => [code, "something else stands there; look at it, and remove it"]),
  ),
};

/**
 * Runs an operation on the files of a place.
 *
 * @param ahead what a plan is about to write, which a dry run looks at
 * @throws {NotAllowedError} if this user may not read or write one of them
 */
export async function runInPlace<P extends Plan, M, R extends object>(
  place: NixPlace,
  operation: Operation<P, M, R>,
  context: TaskContext,
  ahead?: (plan: P) => WritingAhead,
): Promise<R & Figures> {
  const planned = async (step: Step): Promise<P> => {
    const plan = await operation.plan(step);
    if (step.dryRun && plan.changed && ahead !== undefined) await place.foresee(ahead(plan));
    return plan;
  };
  const inside = async <T>(work: Promise<T>): Promise<T> => {
    try {
      return await work;
    } catch (cause) {
      // An abort may throw whatever its signal was given.
      if (!(cause instanceof Error) || !isAbout(cause, place.folder)) throw cause;
      const { code = "" } = cause as { code?: string };
      const hint = hints[code];
      if (hint !== undefined || noPaths.includes(code)) {
        throw new KedgeError(`Cannot use ${place.label}: ${cause.message}`, {
          cause,
          ...(hint === undefined ? {} : { hint }),
        });
      }
      if (!isDenied(cause)) throw cause;
      throw new NotAllowedError(
        `Cannot use ${place.label}: this user may not read or write all of it`,
        { cause, hint: "run as the user who owns its files" },
      );
    }
  };
  return await runOperation({
    kind: operation.kind,
    subject: operation.subject,
    plan: (step) => inside(planned(step)),
    move: (plan, step) => inside(operation.move(plan, step)),
    replanned: (moved) => operation.replanned?.(moved),
    verify: (plan, moved, step) => inside(operation.verify(plan, moved, step)),
    commit: (plan, moved, step) => inside(operation.commit(plan, moved, step)),
    standing: (plan) => operation.standing(plan),
  }, context);
}

/** Whether an error of the system names a folder, or something in it. */
function isAbout({ message }: Error, folder: NixFolder | undefined): boolean {
  if (folder === undefined) return false;
  return message.includes(`'${folder.path}'`) || message.includes(`'${folder.path}/`);
}
