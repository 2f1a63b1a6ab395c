import { basename } from "@std/path";
import { formatBytes } from "../lib/base/bytes.ts";
import type { Digest } from "../lib/base/digest.ts";
import { digestHex } from "../lib/base/digest_text.ts";
import { hashFile } from "../lib/base/hash_file.ts";
import type { BundleContents } from "../lib/kexec/bundle_contents.ts";
import { checkBundle } from "../lib/kexec/check_bundle.ts";
import { tarballSuffixes } from "../lib/kexec/tarball_compression.ts";
import type { Figures, Plan } from "../lib/operation/figures.ts";
import type { Operation, Step } from "../lib/operation/operation.ts";
import { runOperation } from "../lib/operation/run_operation.ts";
import { resolveContext, type TaskContextOptions } from "../lib/runner/context.ts";
import { answerFunction, readAnswers } from "../lib/ssh/read_answers.ts";
import { RemoteFile, type RemoteState } from "../lib/ssh/remote_file.ts";
import { SshSession } from "../lib/ssh/ssh_session.ts";
import { hostOf } from "../lib/ssh/ssh_target.ts";
import { afterKexec } from "./after_kexec.ts";
import { awaitInstaller } from "./await_installer.ts";
import { checkHost, checkStageOptions } from "./check_stage.ts";
import { bootBundle, programsToBoot } from "./boot_bundle.ts";
import { isBundleThere } from "./is_bundle_there.ts";
import { factsScript, readFacts, type TargetFacts } from "./target_facts.ts";
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

/** Without a bundle, in a dry run before it is fetched, nothing is known. */
interface StagePlan extends Plan {
  known?: Known;
}

/** Does the work of `stageKexec`. */
export async function runStageKexec(
  options: StageKexecOptions,
  ctx: TaskContextOptions = {},
): Promise<StageKexecResult> {
  const context = resolveContext(ctx);
  const { boot, force, bootTimeoutMs, compression } = checkStageOptions(options, context.offline);
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

  const askHost = async (step: Step): Promise<Omit<Known, "contents">> => {
    const { digest, size } = await hashFile(bundle, { signal: step.signal });
    const file = new RemoteFile({
      path: bundle,
      digest,
      size,
      name: nameThere(bundle, digest),
      ...(options.remoteFolder === undefined ? {} : { folder: options.remoteFolder }),
    });
    const programs = boot ? programsToBoot(compression) : [];
    const { stdout } = await session(step).run(
      `set -u\n${answerFunction}\n${factsScript(programs)}\n${file.prelude}\n${file.probe}`,
    );
    const answers = readAnswers(stdout);
    const facts = readFacts(answers, target);
    return { digest, size, file, facts, state: await file.state(answers, step.signal) };
  };

  const operation: Operation<StagePlan, void, Omit<StageKexecResult, keyof Figures>> = {
    kind: "kexec-stage",
    subject: `${basename(bundle)} -> ${target}`,
    async plan(step) {
      if (!isThere) return planOfUnfetched(bundle, boot);
      const { meter, signal } = step;
      // The host is asked while the bundle is looked into; what is wrong with the bundle is told first.
      const [checked, asked] = await Promise.allSettled([
        checkBundle(bundle, { meter, signal }),
        askHost(step),
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
    standing: ({ known }) =>
      known === undefined ? { target, size: 0, booted: false } : resultOf(known, false),
  };
  return await runOperation(operation, context);
}

function planOfUnfetched(bundle: string, boot: boolean): StagePlan {
  const why = `"${basename(bundle)}" is still to be fetched`;
  return {
    ...{ changed: true, bytesToMove: Infinity, bytesToReuse: 0, exact: false, why },
    requests: boot ? 5 : 4,
    objects: [{ label: basename(bundle), state: "missing" }],
  };
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

function nameThere(bundle: string, digest: Digest): string {
  const suffix = tarballSuffixes.find((each) => bundle.endsWith(each))!;
  return `bundle-${digestHex(digest)}${suffix}`;
}
