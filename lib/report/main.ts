import { runProgram } from "../runner/program.ts";
import type { AnyTask } from "../runner/task.ts";
import { StoppedError } from "../base/errors.ts";
import { JsonReporter } from "./json_reporter.ts";
import { processOutput } from "./output.ts";
import { PlainReporter } from "./plain_reporter.ts";

/**
 * Makes a file of tasks a program: reads the command line, runs the task that it names, and exits with the code of
 * what came of it.
 *
 * @example
 * ```ts
 * import { main, task } from "@kedge/kedge";
 *
 * const hello = task({ name: "hello", description: "Greet", run: ({ log }) => log("Hello") });
 *
 * if (import.meta.main) await main({ hello });
 * ```
 */
export async function main(tasks: Readonly<Record<string, AnyTask>>): Promise<void> {
  const stop = new AbortController();
  for (const name of ["SIGINT", "SIGTERM"] as const) {
    Deno.addSignalListener(name, () => stop.abort(new StoppedError(name)));
  }
  const output = processOutput();
  const exitCode = await runProgram(tasks, {
    argv: Deno.args,
    env: (name) => Deno.env.get(name),
    cwd: Deno.cwd(),
    signal: stop.signal,
    reporter: (settings) =>
      settings.json ? new JsonReporter(output) : new PlainReporter(output, settings.quiet),
  });
  Deno.exit(exitCode);
}
