import { runOperation } from "../../lib/operation/run_operation.ts";
import { resolveContext, type TaskContextOptions } from "../../lib/runner/context.ts";
import { foreseenBundle } from "../kexec/foreseen_bundle.ts";
import { checkStageOptions } from "./check_stage.ts";
import { isBundleThere } from "./is_bundle_there.ts";
import { KexecStage } from "./kexec_stage.ts";
import type { StageKexecOptions, StageKexecResult } from "./stage_kexec.ts";

/** Does the work of `stageKexec`. */
export async function runStageKexec(
  options: StageKexecOptions,
  ctx: TaskContextOptions = {},
): Promise<StageKexecResult> {
  const context = resolveContext(ctx);
  const { redactor, dryRun, offline } = context;
  const checked = checkStageOptions(options, offline);
  const isThere = await isBundleThere(options.bundle, context);
  const unfetched = isThere ? undefined : {};
  const foreseen = dryRun ? foreseenBundle(options.bundle) ?? unfetched : undefined;
  const stage = new KexecStage({ asked: options, checked, foreseen, redactor });
  return await runOperation(stage, context);
}
