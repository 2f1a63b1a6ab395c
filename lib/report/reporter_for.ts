import type { Reporter } from "../runner/events.ts";
import type { Settings } from "../runner/settings.ts";
import { Bars } from "./bars.ts";
import { JsonReporter } from "./json_reporter.ts";
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
  /** The width of the terminal, if there is one. */
  readonly columns?: number;
}

/** The reporter that suits the flags and the surroundings. */
export function reporterFor(
  settings: Partial<Settings>,
  output: Output,
  surroundings: Surroundings,
): Reporter {
  if (settings.json) return new JsonReporter(output);
  const { env, isTerminal, columns } = surroundings;
  return new TextReporter({
    output,
    paint: makePaint(wantsColours(env, isTerminal)),
    progress: progressFor(settings, output, surroundings),
    quiet: settings.quiet ?? false,
    verbose: settings.verbose ?? false,
    mode: settings.output ?? "prefix",
    github: env("GITHUB_ACTIONS") === "true",
    ...(columns === undefined ? {} : { columns }),
  });
}

function progressFor(
  settings: Partial<Settings>,
  output: Output,
  { env, isTerminal }: Surroundings,
): Progress {
  const { progress = "auto", quiet = false } = settings;
  if (quiet || progress === "none") return noProgress;
  const bars = progress === "bar" || (progress === "auto" && isTerminal && !env("CI"));
  return bars ? new Bars() : new PlainProgress((line) => output.line(line));
}

/** NO_COLOR forbids, then FORCE_COLOR asks for, then the terminal decides. */
function wantsColours(env: Surroundings["env"], isTerminal: boolean): boolean {
  if (env("NO_COLOR")) return false;
  const forced = env("FORCE_COLOR");
  if (forced !== undefined && forced !== "") return forced !== "0" && forced !== "false";
  return isTerminal && env("TERM") !== "dumb";
}
