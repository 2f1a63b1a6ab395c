/**
 * Runs a program in a container of a base image.
 *
 * Invariants: the image is the pinned one, whatever its tag means now; values of secrets stand in no output, and in no argument unless
 * the caller wrote them there, of which a warning tells; no container is left behind, and one of a run that was killed goes on no longer than
 * until the next one, or the end of its program.
 *
 * @module
 */
import { KedgeError } from "../../lib/base/errors.ts";
import { KeptOutput } from "../../lib/base/kept_output.ts";
import { LineSplitter } from "../../lib/base/line_splitter.ts";
import { findEngine } from "../../lib/container/container_engine.ts";
import { endLeftContainers } from "../../lib/container/left_containers.ts";
import { containerArguments, runContainer } from "../../lib/container/run_container.ts";
import type { Figures, Plan } from "../../lib/operation/figures.ts";
import type { Operation } from "../../lib/operation/operation.ts";
import { runOperation } from "../../lib/operation/run_operation.ts";
import { resolveContext, type TaskContextOptions } from "../../lib/runner/context.ts";
import { type EngineImage, ensureEngineImage } from "./base.ts";
import type { InContainerOptions, InContainerResult } from "./in_container.ts";
import { checkInContainer } from "./options.ts";

/** How much of the standard output is kept. */
const mostKeptBytes = 16 * 1024 * 1024;

/** How many characters of a command are shown. */
const longestShown = 200;

/** Does the work of `inContainer`. */
export async function runInContainer(
  options: InContainerOptions,
  ctx: TaskContextOptions = {},
): Promise<InContainerResult> {
  const context = resolveContext(ctx);
  const container = checkInContainer(options, context.redactor);
  const { base, onStdout, engine: engineOptions } = options;
  const { insecureRegistries, mirrors, registriesConf } = options;
  const engine = await findEngine(engineOptions);
  const args = containerArguments(engine, container);
  const command = container.run.join(" ");
  const shown = inOneLine(context.redactor.redact(command));
  const exposed = [command, ...args].some((text) => context.redactor.redact(text) !== text);
  let brought: EngineImage | undefined;
  const operation: Operation<Plan, InContainerFields, InContainerFields> = {
    kind: "container",
    subject: shown,
    plan({ meter }) {
      if (exposed) {
        meter.note(
          "an argument holds a secret, and other users of this machine may see it; pass it in env, by a name that is not the engine's",
          "warning",
        );
      }
      return Promise.resolve({
        changed: true,
        bytesToMove: 0,
        bytesToReuse: 0,
        exact: true,
        requests: 0,
        why: "a program is run whenever it is asked for",
        objects: [],
      });
    },
    async move(_plan, step) {
      const inner = { ...context, signal: step.signal };
      const registries = { insecureRegistries, mirrors, registriesConf };
      const image = brought = await ensureEngineImage(engine, base, registries, inner, step.meter);
      await endLeftContainers(engine, {
        onNote: (message) => step.meter.note(message, "warning"),
        signal: step.signal,
      });
      const kept = new KeptOutput(mostKeptBytes, context.redactor);
      let last = "";
      const out = new LineSplitter((line) => step.meter.note(line), context.redactor);
      const err = new LineSplitter((line) => {
        last = line;
        step.meter.note(line);
      }, context.redactor);
      const keep = (bytes: Uint8Array) => {
        kept.push(bytes);
        out.push(bytes);
      };
      const { code } = await runContainer(engine, {
        ...container,
        image: image.id,
        onStdout: onStdout ?? keep,
        onStderr: (bytes) => err.push(bytes),
        onLeft: (message) => step.meter.note(message, "warning"),
        signal: step.signal,
      });
      out.end();
      err.end();
      const { text: stdout, isCut: stdoutTruncated, bytes } = kept.end();
      if (stdoutTruncated) {
        step.meter.note(
          `its standard output has ${bytes} bytes, of which the result keeps the first 16 MiB; onStdout takes all of it`,
          "warning",
        );
      }
      if (code === 0) return { code, stdout, stdoutTruncated, image: image.id };
      throw new KedgeError(
        `Cannot run "${shown}" in a container: it ended with code ${code}` +
          (last === "" ? "" : ` (${last.slice(0, 300)})`),
        { data: { code, stdout, stdoutTruncated } },
      );
    },
    verify: () => Promise.resolve(),
    commit: (_plan, result) => Promise.resolve(result),
    standing: () => ({ code: 0, stdout: "", stdoutTruncated: false, image: "" }),
  };
  const result = await runOperation(operation, context);
  const { bytesMoved = 0, bytesReused = 0, requests = 0 } = brought?.figures ?? {};
  return {
    ...result,
    bytesMoved: result.bytesMoved + bytesMoved,
    bytesReused: result.bytesReused + bytesReused,
    requests: result.requests + requests,
  };
}

/** The beginning of a command, which may hold a whole script. */
function inOneLine(command: string): string {
  const line = command.replace(/\s+/g, " ").trim();
  return line.length > longestShown ? `${line.slice(0, longestShown)}…` : line;
}

type InContainerFields = Omit<InContainerResult, keyof Figures>;
