import { basename } from "@std/path";
import { formatBytes } from "../../lib/base/bytes.ts";
import { defined } from "../../lib/base/defined.ts";
import type { Digest } from "../../lib/base/digest.ts";
import { hashFile } from "../../lib/base/hash_file.ts";
import type { Redactor } from "../../lib/base/redactor.ts";
import type { BundleContents } from "../../lib/kexec/bundle_contents.ts";
import { checkBundle } from "../../lib/kexec/check_bundle.ts";
import type { Figures, Plan } from "../../lib/operation/figures.ts";
import type { Operation, Step } from "../../lib/operation/operation.ts";
import type { RemoteFile, RemoteState } from "../../lib/ssh/remote_file.ts";
import { SshSession } from "../../lib/ssh/ssh_session.ts";
import { hostOf } from "../../lib/ssh/ssh_target.ts";
import type { ForeseenBundle } from "../kexec/foreseen_bundle.ts";
import { afterKexec } from "./after_kexec.ts";
import { awaitInstaller } from "./await_installer.ts";
import { bootBundle } from "./boot_bundle.ts";
import { type CheckedStage, checkHost } from "./check_stage.ts";
import { planUnfetched } from "./plan_unfetched.ts";
import { askHost, remoteBundle } from "./remote_bundle.ts";
import type { StageKexecOptions, StageKexecResult } from "./stage_kexec.ts";
import type { TargetFacts } from "./target_facts.ts";

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

type Staged = Omit<StageKexecResult, keyof Figures>;

/** What a {@linkcode KexecStage} works with. */
export interface KexecStageOptions {
  /** What was asked for. */
  readonly asked: StageKexecOptions;
  /** The same with its defaults. */
  readonly checked: CheckedStage;
  /** What is known of the bundle in a dry run before it is fetched. */
  readonly foreseen: ForeseenBundle | undefined;
  /** Keeps secrets out of what the host says. */
  readonly redactor: Redactor;
}

/** The steps that bring a bundle to a host and boot it. */
export class KexecStage implements Operation<StagePlan, void, Staged> {
  readonly kind = "kexec-stage";
  readonly subject: string;
  readonly #of: KexecStageOptions;

  /** Asks nobody yet. */
  constructor(of: KexecStageOptions) {
    this.#of = of;
    this.subject = `${basename(of.asked.bundle)} -> ${of.asked.target}`;
  }

  async plan(step: Step): Promise<StagePlan> {
    const { asked, checked, foreseen } = this.#of;
    if (foreseen !== undefined) return await planUnfetched(asked, checked, foreseen, step);
    const known = await this.#look(step);
    const { boot, force } = checked;
    const isDone = boot && known.facts.isInstaller && !force;
    if (!isDone) checkHost(asked, { ...known, boot });
    return planOf(known, { boot, isDone, target: asked.target });
  }

  async move({ known }: StagePlan, step: Step): Promise<void> {
    const { file, state, digest, size } = known!;
    using object = step.meter.object(digest, size);
    if (state.isComplete) return object.reused(size);
    await file.send(this.#session(step), state, object, step.signal);
    step.record(digest, "arrived", { target: this.#of.asked.target, sizeBytes: size });
  }

  async verify({ known }: StagePlan, _moved: void, step: Step): Promise<void> {
    if (!known!.state.isComplete) await known!.file.verify(this.#session(step));
  }

  async commit(plan: StagePlan, _moved: void, step: Step): Promise<Staged> {
    const known = plan.known!;
    if (!known.state.isComplete) await known.file.commit(this.#session(step));
    if (!this.#of.checked.boot) return this.#result(known, false);
    await this.#boot(known, step);
    const installer = await this.#awaitInstaller(known, step);
    return this.#result(known, true, installer.release);
  }

  standing({ known, facts, state }: StagePlan): Staged {
    const { asked: { target }, foreseen } = this.#of;
    return known !== undefined ? this.#result(known, false) : {
      target,
      ...defined({ path: state?.path, digest: foreseen?.digest, release: facts?.release }),
      size: foreseen?.size ?? 0,
      booted: false,
    };
  }

  /** Looks into the bundle while the host is asked; what is wrong with the bundle is told first. */
  async #look(step: Step): Promise<Known> {
    const { meter, signal } = step;
    const [checked, asked] = await Promise.allSettled([
      checkBundle(this.#of.asked.bundle, { meter, signal }),
      this.#ask(step),
    ]);
    if (checked.status === "rejected") throw checked.reason;
    if (asked.status === "rejected") throw asked.reason;
    return { ...asked.value, contents: checked.value };
  }

  async #ask(step: Step): Promise<Omit<Known, "contents">> {
    const { asked, checked } = this.#of;
    const { digest, size } = await hashFile(asked.bundle, { signal: step.signal });
    const file = remoteBundle(asked, { digest, size });
    const { facts, answers } = await askHost(this.#session(step), checked, file);
    return { digest, size, file, facts, state: await file.state(answers, step.signal) };
  }

  async #boot({ digest, state, facts }: Known, step: Step): Promise<void> {
    const { asked, checked, redactor } = this.#of;
    step.record(digest, "booting", { target: asked.target, bootId: facts.bootId });
    await bootBundle(this.#session(step), {
      path: state.path,
      compression: checked.compression,
      asRoot: facts.asRoot ?? [],
      kexecExtraFlags: asked.kexecExtraFlags ?? "",
      onLine: (line) => step.meter.note(redactor.redact(line)),
    });
  }

  async #awaitInstaller({ facts }: Known, { meter, signal }: Step): Promise<TargetFacts> {
    const { asked, checked } = this.#of;
    meter.note(`waiting for the installer on ${hostOf(asked.target)}`);
    return await awaitInstaller(new SshSession(afterKexec(asked), { signal }), {
      bootId: facts.bootId,
      timeoutMs: checked.bootTimeoutMs,
      signal,
    });
  }

  #session({ meter, signal }: Step): SshSession {
    return new SshSession(this.#of.asked, { meter, signal });
  }

  #result(known: Known, booted: boolean, release = known.facts.release): Staged {
    return {
      target: this.#of.asked.target,
      path: known.state.path,
      digest: known.digest,
      size: known.size,
      architecture: known.contents.architecture,
      booted,
      release,
    };
  }
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
