import { basename } from "@std/path";
import { formatBytes } from "../../lib/base/bytes.ts";
import { defined } from "../../lib/base/defined.ts";
import type { Digest } from "../../lib/base/digest.ts";
import { hashFile } from "../../lib/base/hash_file.ts";
import type { BundleContents } from "../../lib/kexec/bundle_contents.ts";
import { checkBundle } from "../../lib/kexec/check_bundle.ts";
import type { Figures, Plan } from "../../lib/operation/figures.ts";
import type { Operation, Step } from "../../lib/operation/operation.ts";
import { runOperation } from "../../lib/operation/run_operation.ts";
import { resolveContext, type TaskContextOptions } from "../../lib/runner/context.ts";
import type { RemoteFile, RemoteState } from "../../lib/ssh/remote_file.ts";
import { SshSession } from "../../lib/ssh/ssh_session.ts";
import { hostOf } from "../../lib/ssh/ssh_target.ts";
import { foreseenBundle } from "../kexec/foreseen_bundle.ts";
import { afterKexec } from "./after_kexec.ts";
import { awaitInstaller } from "./await_installer.ts";
import { checkHost, checkStageOptions } from "./check_stage.ts";
import { bootBundle } from "./boot_bundle.ts";
import { isBundleThere } from "./is_bundle_there.ts";
import { planUnfetched } from "./plan_unfetched.ts";
import { askHost, remoteBundle } from "./remote_bundle.ts";
import type { TargetFacts } from "./target_facts.ts";
import type { StageKexecOptions, StageKexecResult } from "./stage_kexec.ts";

/** What is known of the bundle and of the host. */
interface Known {
  digest: Digest;
  size: number;
  contents: BundleContents;
  file: RemoteFile;
  state: RemoteState;
  facts: TargetFacts;
}

interface StagePlan extends Plan {
  /** Absent in a dry run before the bundle is fetched. */
  known?: Known;
  /** What is known of the host then. */
  facts?: TargetFacts;
  /** What is there of the bundle then, where its digest is known. */
  state?: RemoteState;
}

/** Does the work of `stageKexec`. */
export async function runStageKexec(
  options: StageKexecOptions,
  ctx: TaskContextOptions = {},
): Promise<StageKexecResult> {
  const context = resolveContext(ctx);
  const checkedOptions = checkStageOptions(options, context.offline);
  const { boot, force, bootTimeoutMs, compression } = checkedOptions;
  const { bundle, target } = options;
  const session = (step: Step) =>
    new SshSession(options, { meter: step.meter, signal: step.signal });
  const resultOf = (known: Known, booted: boolean, release = known.facts.release) => ({
    target,
    path: known.state.path,
    digest: known.digest,
    size: known.size,
    architecture: known.contents.architecture,
    booted,
    release,
  });
  const isThere = await isBundleThere(bundle, context);
  const foreseen = context.dryRun
    ? foreseenBundle(bundle) ?? (isThere ? undefined : {})
    : undefined;

  const ask = async (step: Step): Promise<Omit<Known, "contents">> => {
    const { digest, size } = await hashFile(bundle, { signal: step.signal });
    const file = remoteBundle(options, { digest, size });
    const { facts, answers } = await askHost(session(step), checkedOptions, file);
    return { digest, size, file, facts, state: await file.state(answers, step.signal) };
  };

  const operation: Operation<StagePlan, void, Omit<StageKexecResult, keyof Figures>> = {
    kind: "kexec-stage",
    subject: `${basename(bundle)} -> ${target}`,
    async plan(step) {
      if (foreseen !== undefined) {
        return await planUnfetched(options, checkedOptions, foreseen, step);
      }
      const { meter, signal } = step;
      // The host is asked while the bundle is looked into; what is wrong with the bundle is told first.
      const [checked, asked] = await Promise.allSettled([
        checkBundle(bundle, { meter, signal }),
        ask(step),
      ]);
      if (checked.status === "rejected") throw checked.reason;
      if (asked.status === "rejected") throw asked.reason;
      const contents = checked.value;
      const { digest, size, file, state, facts } = asked.value;
      const isDone = boot && facts.isInstaller && !force;
      if (!isDone) checkHost(options, { facts, state, contents, size, boot });
      return planOf({ digest, size, contents, file, state, facts }, { boot, isDone, target });
    },
    async move({ known }, step) {
      const { file, state, digest, size } = known!;
      using object = step.meter.object(digest, size);
      if (state.isComplete) return object.reused(size);
      await file.send(session(step), state, object, step.signal);
      step.record(digest, "arrived", { target, sizeBytes: size });
    },
    async verify({ known }, _moved, step) {
      if (!known!.state.isComplete) await known!.file.verify(session(step));
    },
    async commit(plan, _moved, step) {
      const known = plan.known!;
      const { file, state, facts } = known;
      if (!state.isComplete) await file.commit(session(step));
      if (!boot) return resultOf(known, false);
      step.record(known.digest, "booting", { target, bootId: facts.bootId });
      await bootBundle(session(step), {
        path: state.path,
        compression,
        asRoot: facts.asRoot ?? [],
        kexecExtraFlags: options.kexecExtraFlags ?? "",
        onLine: (line) => step.meter.note(context.redactor.redact(line)),
      });
      step.meter.note(`waiting for the installer on ${hostOf(target)}`);
      const installer = new SshSession(afterKexec(options), { signal: step.signal });
      const now = await awaitInstaller(installer, {
        bootId: facts.bootId,
        timeoutMs: bootTimeoutMs,
        signal: step.signal,
      });
      return resultOf(known, true, now.release);
    },
    standing: ({ known, facts, state }) =>
      known !== undefined ? resultOf(known, false) : {
        target,
        ...defined({ path: state?.path, digest: foreseen?.digest, release: facts?.release }),
        size: foreseen?.size ?? 0,
        booted: false,
      },
  };
  return await runOperation(operation, context);
}

function planOf(
  known: Known,
  how: { boot: boolean; isDone: boolean; target: string },
): StagePlan {
  const { state, size, digest } = known;
  const { boot, isDone, target } = how;
  const missingBytes = isDone ? 0 : size - state.presentBytes;
  const sent = state.isComplete
    ? `${target} has the bundle already`
    : state.presentBytes > 0
    ? `${target} has ${formatBytes(state.presentBytes)} of the bundle's ${formatBytes(size)}`
    : `${target} has nothing of the bundle`;
  return {
    known,
    changed: !isDone && (boot || !state.isComplete),
    bytesToMove: missingBytes,
    bytesToReuse: isDone ? 0 : state.presentBytes,
    exact: true,
    requests: isDone ? 0 : (state.isComplete ? 0 : 3) + (boot ? 1 : 0),
    why: isDone ? `${target} runs the installer already` : sent,
    objects: [{
      label: digest,
      sizeBytes: size,
      state: isDone || state.isComplete ? "present" : "missing",
    }],
  };
}
