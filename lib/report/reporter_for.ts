import type { Reporter } from "../runner/events.ts";
import type { Settings } from "../runner/settings.ts";
import type { TerminalSize } from "./live_progress.ts";
import type { Output } from "./output.ts";
import { makePaint } from "./paint.ts";
import { noProgress, PlainProgress, type Progress } from "./progress.ts";
import { TextReporter } from "./text_reporter.ts";

/** What a reporter is chosen by. */
export interface Surroundings {
  /** Reads an environment variable. */
  env(name: string): string | undefined;
  /** Whether standard error is a terminal. */
  readonly isTerminal: boolean;
  /** Whether standard output is a terminal. */
  isDataShown(): boolean;
  /** The size of the terminal at this moment, if there is one that tells it. */
  size(): TerminalSize | undefined;
}

/** The reporter that suits the flags and the surroundings. */
export async function reporterFor(
  settings: Partial<Settings>,
  output: Output,
  surroundings: Surroundings,
): Promise<Reporter> {
  if (settings.json) {
    const { JsonReporter } = await import("./json_reporter.ts");
    return new JsonReporter(output);
  }
  const { env, isTerminal, size } = surroundings;
  return new TextReporter({
    output,
    paint: makePaint(wantsColours(env, isTerminal)),
    progress: await progressFor(settings, output, surroundings),
    quiet: settings.quiet ?? false,
    verbose: settings.verbose ?? false,
    mode: settings.output ?? "prefix",
    github: env("GITHUB_ACTIONS") === "true",
    isDataShown: () => surroundings.isDataShown(),
    columns: () => size()?.columns,
  });
}

async function progressFor(
  settings: Partial<Settings>,
  output: Output,
  { env, isTerminal, size }: Surroundings,
): Promise<Progress> {
  const { progress = "auto", quiet = false } = settings;
  if (quiet || progress === "none") return noProgress;
  const isLive = isTerminal && (progress === "bar" || (progress === "auto" && !env("CI")));
  if (!isLive) return new PlainProgress((line) => output.line(line));
  const { LiveProgress } = await import("./live_progress.ts");
  return new LiveProgress(output, () => size() ?? { columns: 80, rows: 24 });
}

/** NO_COLOR forbids, then FORCE_COLOR asks for, then the terminal decides. */
function wantsColours(env: Surroundings["env"], isTerminal: boolean): boolean {
  if (env("NO_COLOR")) return false;
  const forced = env("FORCE_COLOR");
  if (forced !== undefined && forced !== "") return forced !== "0" && forced !== "false";
  return isTerminal && env("TERM") !== "dumb";
}
