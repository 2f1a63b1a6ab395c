/**
 * Commands of dax whose output, echo and end are watched.
 *
 * A builder of dax is immutable and starts when it is awaited; what stands here goes between: every builder that comes out of a
 * builder is watched too, and the methods that start a command are told first. In a dry run they start `:` instead, fed with
 * nothing.
 *
 * @module
 */
import type { CommandBuilder } from "@david/dax";
import type { Redactor } from "../base/redactor.ts";
import { LineWriter } from "./line_writer.ts";

/** What watches commands. */
export interface CommandWatch {
  /** Takes secrets out of what is printed. */
  readonly redactor: Redactor;
  /** Whether commands are told instead of run. */
  readonly dryRun: boolean;
  /** Throws if everything was stopped: what was cut off may look as if it had ended well. */
  throwIfStopped(): void;
  /** A command is about to start. */
  started(text: string): void;
  /** A command came to its end. */
  ended(): void;
  /** A command printed whole lines. */
  printed(stream: "stdout" | "stderr", lines: string): void;
}

interface State {
  readonly text: string;
  readonly stdout: "shown" | "taken" | "both";
  readonly stderr: "shown" | "taken" | "both";
}

type Stream = "stdout" | "stderr";
type AnyFunction = (...args: unknown[]) => unknown;

const states = new WeakMap<object, { target: CommandBuilder; state: State }>();
const starters = new Set(["then", "spawn", "text", "lines", "json", "bytes", "code", "linesIter"]);

/** A builder that is watched, as is every builder that comes out of it. */
export function watched(
  target: CommandBuilder,
  watch: CommandWatch,
  state: State = { text: "", stdout: "shown", stderr: "shown" },
): CommandBuilder {
  const proxy = new Proxy(target, {
    get(_target, key) {
      const member: unknown = Reflect.get(target, key, target);
      if (typeof member !== "function") return member;
      if (typeof key === "string" && starters.has(key)) {
        return (...args: unknown[]) => start(target, state, watch, key, args);
      }
      return (...args: unknown[]) => {
        if (key === "pipe") return pipe(target, state, watch, args[0] as CommandBuilder);
        const next = Reflect.apply(member, target, forwarded(key, args)) as unknown;
        return isBuilder(next, target) ? watched(next, watch, after(state, key, args)) : next;
      };
    },
  });
  states.set(proxy, { target, state });
  return proxy;
}

function isBuilder(value: unknown, like: CommandBuilder): value is CommandBuilder {
  return typeof value === "object" && value !== null && value.constructor === like.constructor;
}

/** `inheritPiped` would print past us: the command's output is taken, and shown once it is there. */
function forwarded(key: string | symbol, args: unknown[]): unknown[] {
  const isStream = key === "stdout" || key === "stderr";
  return isStream && args[0] === "inheritPiped" ? ["piped"] : args;
}

function after(state: State, key: string | symbol, args: readonly unknown[]): State {
  const [first] = args;
  if (typeof key === "symbol") {
    const text = (first as { text?: unknown } | undefined)?.text;
    return typeof text === "string" ? { ...state, text } : state;
  }
  if (key === "command") {
    return { ...state, text: Array.isArray(first) ? first.join(" ") : String(first) };
  }
  if (key === "stdout" || key === "stderr") {
    const how = first === "inherit" ? "shown" : first === "inheritPiped" ? "both" : "taken";
    return { ...state, [key]: how };
  }
  if (key === "captureCombined" && first !== false) {
    return { ...state, stdout: "taken", stderr: "taken" };
  }
  if (key === "quiet") {
    return {
      ...state,
      ...(first === "stderr" ? {} : { stdout: "taken" }),
      ...(first === "stdout" ? {} : { stderr: "taken" }),
    };
  }
  return state;
}

function pipe(
  target: CommandBuilder,
  state: State,
  watch: CommandWatch,
  next: CommandBuilder,
): CommandBuilder {
  const known = states.get(next);
  const writers = new Writers(watch);
  const source = writers.on(target, { ...state, stdout: "taken" });
  const joined = source.pipe(known?.target ?? next);
  const text = `${state.text} | ${known?.state.text ?? ""}`;
  return watched(joined, watch, { ...(known?.state ?? state), text });
}

/** The lines of one start of a command. */
class Writers {
  #watch: CommandWatch;
  #all: LineWriter[] = [];

  constructor(watch: CommandWatch) {
    this.#watch = watch;
  }

  on(target: CommandBuilder, state: State): CommandBuilder {
    let next = target;
    if (state.stdout === "shown") next = next.stdout(this.of("stdout"));
    if (state.stderr === "shown") next = next.stderr(this.of("stderr"));
    return next;
  }

  of(stream: Stream): LineWriter {
    const writer = new LineWriter(
      this.#watch.redactor,
      (lines) => this.#watch.printed(stream, lines),
    );
    this.#all.push(writer);
    return writer;
  }

  flush(): void {
    for (const writer of this.#all) writer.flush();
  }
}

function start(
  target: CommandBuilder,
  state: State,
  watch: CommandWatch,
  method: string,
  args: unknown[],
): unknown {
  watch.started(state.text);
  if (watch.dryRun) {
    watch.ended();
    return startNothing(target, method, args);
  }
  const taken = takenBy(method, args);
  const shown: State = {
    ...state,
    ...(taken.includes("stdout") ? { stdout: "taken" } : {}),
    ...(taken.includes("stderr") ? { stderr: "taken" } : {}),
  };
  const writers = new Writers(watch);
  const builder = writers.on(target, shown);
  const end = (result: unknown) => {
    for (const stream of ["stdout", "stderr"] as const) {
      if (shown[stream] !== "both") continue;
      const bytes = (result as { [key: string]: unknown } | undefined)?.[`${stream}Bytes`];
      if (bytes instanceof Uint8Array) writers.of(stream).writeSync(bytes);
    }
    writers.flush();
    watch.ended();
  };
  if (method === "then") {
    const run = (async () => await builder)();
    return settled(run, state, watch, end).then(...args as Parameters<Promise<unknown>["then"]>);
  }
  const result = Reflect.apply(Reflect.get(builder, method) as AnyFunction, builder, args);
  if (method === "linesIter") {
    return endingWith(result as AsyncIterableIterator<string>, () => end(undefined));
  }
  if (method !== "spawn") return settled(result as Promise<unknown>, state, watch, end);
  settled(result as Promise<unknown>, state, watch, end).catch(() => {});
  return result;
}

/** Which streams a method takes for itself. */
function takenBy(method: string, args: readonly unknown[]): readonly Stream[] {
  if (!["text", "lines", "json", "bytes", "linesIter"].includes(method)) return [];
  const kind = args[0] ?? "stdout";
  return kind === "combined" ? ["stdout", "stderr"] : [kind as Stream];
}

async function settled(
  run: Promise<unknown>,
  state: State,
  watch: CommandWatch,
  end: (result: unknown) => void,
): Promise<unknown> {
  let result: unknown;
  try {
    result = await run;
    watch.throwIfStopped();
    return result;
  } catch (error) {
    if (error instanceof Error && error.name === "ShellError") {
      error.message = `Cannot run \`${state.text}\`: ${lowered(error.message)}`;
    }
    throw error;
  } finally {
    end(result);
  }
}

function lowered(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1);
}

async function* endingWith(
  lines: AsyncIterableIterator<string>,
  end: () => void,
): AsyncIterableIterator<string> {
  try {
    yield* lines;
  } finally {
    end();
  }
}

function startNothing(target: CommandBuilder, method: string, args: unknown[]): unknown {
  const nothing = target.command(":").stdin("null").captureCombined(false)
    .stdout("piped").stderr("piped").noThrow();
  if (method === "json") return Promise.resolve(undefined);
  if (method === "lines") return Promise.resolve([]);
  return Reflect.apply(Reflect.get(nothing, method) as AnyFunction, nothing, args);
}
