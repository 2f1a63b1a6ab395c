/**
 * Runs a program in a container of a base image.
 *
 * Invariants: the image is the pinned one, whatever its tag means now; values of secrets stand in no argument and in no output; no container
 * is left behind.
 *
 * @module
 */
import { KedgeError, UsageError } from "../lib/base/errors.ts";
import { LineSplitter } from "../lib/base/line_splitter.ts";
import { findEngine } from "../lib/container/container_engine.ts";
import {
  checkContainer,
  runContainer,
  type RunContainerOptions,
} from "../lib/container/run_container.ts";
import type { Figures, Plan } from "../lib/operation/figures.ts";
import type { Operation } from "../lib/operation/operation.ts";
import { runOperation } from "../lib/operation/run_operation.ts";
import { resolveContext, type TaskContextOptions } from "../lib/runner/context.ts";
import { type EngineImage, ensureEngineImage } from "./container_base.ts";
import type { InContainerOptions, InContainerResult } from "./in_container.ts";

/** Does the work of `inContainer`. */
export async function runInContainer(
  options: InContainerOptions,
  ctx: TaskContextOptions = {},
): Promise<InContainerResult> {
  const context = resolveContext(ctx);
  const { base, run, engine: engineOptions, insecureRegistries } = options;
  if (run.length === 0 || run[0] === "") throw new UsageError("Cannot run nothing in a container");
  const engine = await findEngine(engineOptions);
  const { env, secretEnv } = environments(options.env);
  // Whoever made a secret may have told another redactor of it.
  for (const value of Object.values(secretEnv)) context.redactor.add(value);
  const { mounts, workdir, network, stdin, onStdout } = options;
  const container = { run, env, secretEnv, ...given({ mounts, workdir, network, stdin }) };
  checkContainer(engine, container);
  const shown = context.redactor.redact(run.join(" "));
  const operation: Operation<Plan, InContainerFields, InContainerFields> = {
    kind: "container",
    subject: shown,
    plan: () =>
      Promise.resolve({
        changed: true,
        bytesToMove: 0,
        bytesToReuse: 0,
        exact: true,
        requests: 0,
        why: "a program is run whenever it is asked for",
        objects: [],
      }),
    async move(_plan, step) {
      const inner = { ...context, signal: step.signal };
      const image: EngineImage = await ensureEngineImage(engine, base, insecureRegistries, inner);
      const printed = new TextDecoder();
      let text = "";
      let last = "";
      const out = new LineSplitter((line) => step.meter.note(line), context.redactor);
      const err = new LineSplitter((line) => {
        last = line;
        step.meter.note(line);
      }, context.redactor);
      const keep = (bytes: Uint8Array) => {
        text += printed.decode(bytes, { stream: true });
        out.push(bytes);
      };
      const { code } = await runContainer(engine, {
        ...container,
        image: image.id,
        onStdout: onStdout ?? keep,
        onStderr: (bytes) => err.push(bytes),
        signal: step.signal,
      });
      out.end();
      err.end();
      const stdout = context.redactor.redact(text + printed.decode());
      if (code === 0) return { code, stdout, image: image.id };
      throw new KedgeError(
        `Cannot run "${shown}" in a container: it ended with code ${code}` +
          (last === "" ? "" : ` (${last.slice(0, 300)})`),
        { data: { code, stdout } },
      );
    },
    verify: () => Promise.resolve(),
    commit: (_plan, result) => Promise.resolve(result),
    standing: () => ({ code: 0, stdout: "", image: "" }),
  };
  return await runOperation(operation, context);
}

type InContainerFields = Omit<InContainerResult, keyof Figures>;

function environments(
  all: InContainerOptions["env"] = {},
): { env: Record<string, string>; secretEnv: Record<string, string> } {
  const env: Record<string, string> = {};
  const secretEnv: Record<string, string> = {};
  for (const [name, value] of Object.entries(all)) {
    if (typeof value === "string") env[name] = value;
    else secretEnv[name] = value.reveal();
  }
  return { env, secretEnv };
}

type Optional = Pick<RunContainerOptions, "mounts" | "workdir" | "network" | "stdin">;

function given(options: { [K in keyof Optional]: Optional[K] | undefined }): Optional {
  return Object.fromEntries(
    Object.entries(options).filter(([, value]) => value !== undefined),
  ) as Optional;
}
