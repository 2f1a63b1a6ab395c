/**
 * Installs NixOS on a host by nixos-anywhere.
 *
 * @module
 */
import { KedgeError, UsageError } from "../../lib/base/errors.ts";
import { ifThere } from "../../lib/base/files.ts";
import { findProgram } from "../../lib/base/find_program.ts";
import { LineSplitter } from "../../lib/base/line_splitter.ts";
import { runProcess } from "../../lib/base/process_group.ts";
import type { Figures, Plan } from "../../lib/operation/figures.ts";
import type { Operation, Step } from "../../lib/operation/operation.ts";
import { runOperation } from "../../lib/operation/run_operation.ts";
import {
  resolveContext,
  type TaskContext,
  type TaskContextOptions,
} from "../../lib/runner/context.ts";
import { shellLine } from "../../lib/ssh/shell_quote.ts";
import { checkInstallOptions, nixosAnywhereFlags } from "./nixos_anywhere_flags.ts";
import type { InstallPhase, NixosAnywhereOptions } from "./nixos_anywhere_options.ts";
import { nixosAnywhereProgram } from "./nixos_anywhere_program.ts";
import { installSecrets } from "./nixos_anywhere_secrets.ts";
import { afterKexec } from "./after_kexec.ts";
import { checkInstallFiles } from "./check_install_files.ts";
import { installQuestion } from "./install_question.ts";
import { isBundleThere } from "./is_bundle_there.ts";
import { stageKexec } from "./stage_kexec.ts";
import type { NixosAnywhereResult } from "./nixos_anywhere.ts";

/** Does the work of `nixosAnywhere`. */
export async function runNixosAnywhere(
  options: NixosAnywhereOptions,
  ctx: TaskContextOptions = {},
): Promise<NixosAnywhereResult> {
  const context = resolveContext(ctx);
  const { phases, program } = await checkInstall(options, context);
  const { target, kexec, stage = false } = options;
  if (kexec !== undefined) await isBundleThere(kexec, context);
  if (!context.dryRun) await checkInstallFiles(options);
  await askFirst(options, context);
  // What cannot be read is found out before the host is booted anew.
  await using secrets = context.dryRun ? undefined : await installSecrets(options, context.secrets);

  const staged = stage
    ? await stageKexec({
      ...options,
      target: target!,
      bundle: kexec!,
      force: options.forceKexec ?? false,
    }, context)
    : undefined;
  const left = stage ? phases.filter((phase) => phase !== "kexec") : phases;
  const host = target === undefined
    ? undefined
    : stage
    ? afterKexec({ ...options, target })
    : { ...options, target };
  const commandWith = (keyFileOf: (path: string) => string) => [
    ...program,
    ...nixosAnywhereFlags(options, host, left, keyFileOf),
  ];
  const shown = commandWith((path) => shownKey(options.diskEncryptionKeys?.[path]));
  const about = target === undefined ? {} : { target };
  const result = { ...about, command: shown, phases: left, ...(staged ? { staged } : {}) };

  const operation: Operation<Plan, void, Omit<NixosAnywhereResult, keyof Figures>> = {
    kind: "nixos-anywhere",
    subject: [options.flake ?? options.storePaths?.[1], target].filter(Boolean).join(" -> "),
    plan: (step) => {
      if (left.length > 0) step.meter.note(`$ ${context.redactor.redact(shellLine(shown))}`);
      return Promise.resolve(planOf(left, options.vmTest ?? false));
    },
    async move(_plan, step) {
      const { env, keyFiles } = secrets!;
      await run(commandWith((path) => keyFiles[path]!), env, step, context, target);
    },
    verify: () => Promise.resolve(),
    commit: () => Promise.resolve(result),
    standing: () => result,
  };
  const ran = await runOperation(operation, context);
  return staged === undefined ? ran : { ...ran, ...sum(staged, ran) };
}

/**
 * All that can be found wrong before anybody is asked or anything is fetched.
 *
 * @throws {UsageError} if an option is malformed, or options contradict each other
 * @throws {KedgeError} if the program is not there
 */
export async function checkInstall(
  options: NixosAnywhereOptions,
  { offline }: Pick<TaskContext, "offline">,
): Promise<{ phases: InstallPhase[]; program: string[] }> {
  const phases = checkInstallOptions(options);
  const { target, vmTest = false } = options;
  if (offline && target !== undefined && !vmTest) {
    throw new UsageError(`Cannot install "${target}" offline`, { hint: "leave out --offline" });
  }
  const program = await nixosAnywhereProgram(options);
  await checkProgram(program[0]!);
  return { phases, program };
}

function planOf(phases: readonly InstallPhase[], vmTest: boolean): Plan {
  return {
    changed: phases.length > 0,
    bytesToMove: 0,
    bytesToReuse: 0,
    exact: true,
    requests: 0,
    why: phases.length === 0
      ? "no phase is left for nixos-anywhere"
      : vmTest
      ? "nixos-anywhere tests the system in a virtual machine"
      : `nixos-anywhere runs ${phases.join(", ")}; what it moves itself is not counted`,
    objects: [],
  };
}

async function run(
  [program, ...args]: readonly string[],
  env: Record<string, string>,
  step: Step,
  context: TaskContext,
  target = "a virtual machine",
): Promise<void> {
  let last = "";
  const lines = () =>
    new LineSplitter((line) => {
      last = line;
      step.meter.note(line);
    }, context.redactor);
  const stdout = lines();
  const stderr = lines();
  let code: number;
  try {
    ({ code } = await runProcess(program!, {
      args,
      env,
      onStdout: (bytes) => stdout.push(bytes),
      onStderr: (bytes) => stderr.push(bytes),
      signal: step.signal,
    }));
  } catch (cause) {
    if (!(cause instanceof Deno.errors.NotFound)) throw cause;
    throw new KedgeError(`Cannot run "${program}": there is no such program`, { cause });
  } finally {
    stdout.end();
    stderr.end();
  }
  if (code === 0) return;
  throw new KedgeError(
    `Cannot install "${target}": nixos-anywhere ended with code ${code}${last && `: ${last}`}`,
    { hint: "what it printed before says why; the same command may be run again", data: { code } },
  );
}

async function checkProgram(program: string): Promise<void> {
  const isThere = /[/\\]/.test(program)
    ? (await ifThere(Deno.stat(program)))?.isFile
    : await findProgram(program) !== undefined;
  if (!isThere) throw new KedgeError(`Cannot run "${program}": there is no such program`);
}

async function askFirst(options: NixosAnywhereOptions, { dryRun }: TaskContext): Promise<void> {
  const question = installQuestion(options);
  if (dryRun || options.confirm === undefined || question === undefined) return;
  if (await options.confirm(question) === true) return;
  throw new KedgeError(`Cannot install "${options.target}": it was not confirmed`, {
    hint: question,
  });
}

function shownKey(
  key: NonNullable<NixosAnywhereOptions["diskEncryptionKeys"]>[string] | undefined,
) {
  if (key === undefined) return "";
  if (typeof key === "string") return key;
  return "file" in key ? key.file : `[secret ${"env" in key ? key.env : key.command[0]}]`;
}

function sum(a: Figures, b: Figures): Figures {
  return {
    changed: a.changed || b.changed,
    bytesMoved: a.bytesMoved + b.bytesMoved,
    bytesReused: a.bytesReused + b.bytesReused,
    requests: a.requests + b.requests,
    why: `${a.why}; ${b.why}`,
    dryRun: b.dryRun,
  };
}
