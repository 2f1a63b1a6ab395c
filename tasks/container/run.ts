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
import type { Meter } from "../../lib/base/meter.ts";
import type { Redactor } from "../../lib/base/redactor.ts";
import { type ContainerEngine, findEngine } from "../../lib/container/container_engine.ts";
import { isOfPodman } from "../../lib/container/container_events.ts";
import { endLeftContainers } from "../../lib/container/left_containers.ts";
import { containerArguments, runContainer } from "../../lib/container/run_container.ts";
import type { Figures, Plan } from "../../lib/operation/figures.ts";
import type { Operation, Step } from "../../lib/operation/operation.ts";
import { runOperation } from "../../lib/operation/run_operation.ts";
import {
  resolveContext,
  type TaskContext,
  type TaskContextOptions,
} from "../../lib/runner/context.ts";
import { type EngineImage, ensureEngineImage, foreseeEngineImage, nothingMoved } from "./base.ts";
import type { InContainerOptions, InContainerResult } from "./in_container.ts";
import { type AskedContainer, checkInContainer } from "./options.ts";

/** How much of the standard output is kept. */
const mostKeptBytes = 16 * 1024 * 1024;

/** How many characters of a command are shown. */
const longestShown = 200;

/** A line that does not tell why a program failed: an empty one, or what Nix puts below an error, which is its place in a source, and advice. */
const besidePoint =
  /^\s*(at .+:\d+:\d+:|\d+\|.*|\|\s*\^|Did you mean .*\?|\(use '--show-trace' .*\))?\s*$/;

type Ran = Omit<InContainerResult, keyof Figures>;

/** Does the work of `inContainer`. */
export async function runInContainer(
  options: InContainerOptions,
  ctx: TaskContextOptions = {},
): Promise<InContainerResult> {
  const context = resolveContext(ctx);
  const container = checkInContainer(options, context.redactor);
  const engine = await findEngine(options.engine);
  const run = new ContainerRun({ asked: options, container, engine, context });
  const result = await runOperation(run, context);
  const { bytesMoved = 0, bytesReused = 0, requests = 0 } = run.imageFigures ?? {};
  return {
    ...result,
    bytesMoved: result.bytesMoved + bytesMoved,
    bytesReused: result.bytesReused + bytesReused,
    requests: result.requests + requests,
  };
}

interface ContainerRunOptions {
  /** What was asked for. */
  readonly asked: InContainerOptions;
  /** The same, checked. */
  readonly container: AskedContainer;
  readonly engine: ContainerEngine;
  readonly context: TaskContext;
}

/** The steps of a run in a container. */
class ContainerRun implements Operation<Plan, Ran, Ran> {
  readonly kind = "container";
  /** The command, without secrets. */
  readonly subject: string;
  /** What it cost to bring the image into the engine, once it is there. */
  imageFigures: EngineImage["figures"] | undefined;
  readonly #of: ContainerRunOptions;
  readonly #isExposed: boolean;

  /**
   * Runs nothing yet.
   *
   * @throws {UsageError} if the engine cannot be asked for that
   */
  constructor(of: ContainerRunOptions) {
    const { container, engine, context: { redactor } } = of;
    this.#of = of;
    const args = containerArguments(engine, container);
    const command = container.run.join(" ");
    this.subject = inOneLine(redactor.redact(command));
    this.#isExposed = [command, ...args].some((text) => redactor.redact(text) !== text);
  }

  async plan(step: Step): Promise<Plan> {
    const { meter } = step;
    if (this.#isExposed) {
      meter.note(
        "an argument holds a secret, and other users of this machine may see it; pass it in env, by a name that is not the engine's",
        "warning",
      );
    }
    // A run brings the image in when it is needed, and counts what that cost.
    const foreseen = step.dryRun
      ? await foreseeEngineImage(...this.#imageArguments(step))
      : undefined;
    const { bytesMoved, bytesReused, requests } = foreseen?.figures ?? nothingMoved;
    return {
      changed: true,
      bytesToMove: bytesMoved,
      bytesToReuse: bytesReused,
      exact: foreseen?.isBound !== true,
      requests,
      why: "a program is run whenever it is asked for",
      objects: [],
    };
  }

  async move(_plan: Plan, step: Step): Promise<Ran> {
    const { asked, container, engine, context: { redactor } } = this.#of;
    const { meter, signal } = step;
    const onWarning = (message: string) => meter.note(message, "warning");
    const { id: image, figures } = await ensureEngineImage(...this.#imageArguments(step));
    this.imageFigures = figures;
    await endLeftContainers(engine, { onNote: onWarning, signal });
    const output = new ProgramOutput(meter, redactor);
    const { code } = await runContainer(engine, {
      ...container,
      image,
      onStdout: asked.onStdout ?? ((bytes) => output.keep(bytes)),
      onStderr: (bytes) => output.tell(bytes),
      onLeft: onWarning,
      signal,
    });
    const { lastLine, ...kept } = output.end();
    if (code === 0) return { code, ...kept, image };
    const said = lastLine === "" ? "" : ` (${lastLine.slice(0, 300)})`;
    throw new KedgeError(
      `Cannot run "${this.subject}" in a container: it ended with code ${code}${said}`,
      { data: { code, ...kept } },
    );
  }

  verify(): Promise<void> {
    return Promise.resolve();
  }

  commit(_plan: Plan, ran: Ran): Promise<Ran> {
    return Promise.resolve(ran);
  }

  standing(): Ran {
    return { code: 0, stdout: "", stdoutTruncated: false, image: "" };
  }

  #imageArguments({ meter, signal }: Step): Parameters<typeof ensureEngineImage> {
    const { asked, engine, context } = this.#of;
    const { base, insecureRegistries, mirrors, registriesConf } = asked;
    const registries = { insecureRegistries, mirrors, registriesConf };
    return [engine, base, registries, { ...context, signal }, meter];
  }
}

/** What a program writes, told line by line. */
class ProgramOutput {
  readonly #meter: Meter;
  readonly #kept: KeptOutput;
  readonly #out: LineSplitter;
  readonly #err: LineSplitter;
  #lastLine = "";

  constructor(meter: Meter, redactor: Redactor) {
    this.#meter = meter;
    this.#kept = new KeptOutput(mostKeptBytes, redactor);
    this.#out = new LineSplitter((line) => meter.note(line), redactor);
    this.#err = new LineSplitter((line) => {
      if (!besidePoint.test(line) && !isOfPodman(line)) this.#lastLine = line.trim();
      meter.note(line);
    }, redactor);
  }

  /** Takes a piece of its standard output. */
  keep(bytes: Uint8Array): void {
    this.#kept.push(bytes);
    this.#out.push(bytes);
  }

  /** Takes a piece of its standard error. */
  tell(bytes: Uint8Array): void {
    this.#err.push(bytes);
  }

  /** Gives what was kept, and the last line of its standard error that says something. */
  end(): Pick<Ran, "stdout" | "stdoutTruncated"> & { lastLine: string } {
    this.#out.end();
    this.#err.end();
    const { text, isCut, bytes } = this.#kept.end();
    if (isCut) {
      this.#meter.note(
        `its standard output has ${bytes} bytes, of which the result keeps the first 16 MiB; onStdout takes all of it`,
        "warning",
      );
    }
    return { stdout: text, stdoutTruncated: isCut, lastLine: this.#lastLine };
  }
}

/** The beginning of a command, which may hold a whole script. */
function inOneLine(command: string): string {
  const line = command.replace(/\s+/g, " ").trim();
  return line.length > longestShown ? `${line.slice(0, longestShown)}…` : line;
}
