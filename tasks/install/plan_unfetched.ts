import { basename } from "@std/path";
import type { Plan } from "../../lib/operation/figures.ts";
import type { Step } from "../../lib/operation/operation.ts";
import type { RemoteState } from "../../lib/ssh/remote_file.ts";
import { SshSession } from "../../lib/ssh/ssh_session.ts";
import type { ForeseenBundle } from "../kexec/foreseen_bundle.ts";
import { type CheckedStage, checkHost } from "./check_stage.ts";
import { askHost, remoteBundle } from "./remote_bundle.ts";
import type { StageKexecOptions } from "./stage_kexec.ts";
import type { TargetFacts } from "./target_facts.ts";

/** What is planned, and what was found out for it. */
export interface UnfetchedPlan extends Plan {
  /** What the host tells of itself. */
  facts: TargetFacts;
  /** What is there of the bundle, where its digest is known. */
  state?: RemoteState;
}

/**
 * Plans in a dry run to bring a bundle to a host that is still to be fetched: the host is asked as in the run. Where the bundle's digest is not
 * known, all of it may have to be sent; where its size is not known either, nobody knows how much that is.
 */
export async function planUnfetched(
  options: StageKexecOptions,
  checked: CheckedStage,
  { digest, size }: ForeseenBundle,
  { meter, signal }: Step,
): Promise<UnfetchedPlan> {
  const { bundle, target } = options;
  const { boot, force } = checked;
  const file = digest === undefined || size === undefined
    ? undefined
    : remoteBundle(options, { digest, size });
  const session = new SshSession(options, { meter, signal });
  const { facts, answers } = await askHost(session, checked, file);
  const state = await file?.state(answers, signal);
  const isDone = boot && facts.isInstaller && !force;
  const presentBytes = state?.presentBytes ?? 0;
  if (!isDone) {
    checkHost(options, { facts, state: { presentBytes, ...state }, size: size ?? 0, boot });
  }
  const isComplete = state?.isComplete ?? false;
  const isMissing = !isDone && !isComplete;
  const fetched = `"${basename(bundle)}" is still to be fetched`;
  return {
    facts,
    ...(state === undefined ? {} : { state }),
    changed: !isDone && (boot || !isComplete),
    bytesToMove: isMissing ? (size ?? Infinity) - presentBytes : 0,
    bytesToReuse: isDone ? 0 : presentBytes,
    exact: !isMissing || (state !== undefined && answers.partSize === undefined),
    requests: isDone ? 0 : (isComplete ? 0 : 3) + (boot ? 1 : 0),
    why: isDone
      ? `${target} runs the installer already`
      : isComplete
      ? `${fetched}, and ${target} has it already`
      : fetched,
    objects: [{
      label: digest ?? basename(bundle),
      ...(size === undefined ? {} : { sizeBytes: size }),
      state: isMissing ? "missing" : "present",
    }],
  };
}
