import { fromFileUrl } from "@std/path";
import { shellLine } from "../../lib/ssh/shell_quote.ts";

const config = fromFileUrl(new URL("../../deno.json", import.meta.url));

/** A program on a terminal of its own. */
export interface OnTerminal {
  /** What it wrote so far. */
  readonly written: () => string;
  /** Waits until it wrote something that matches. */
  until(pattern: RegExp): Promise<void>;
  /** Types something. */
  type(text: string): Promise<void>;
  /** Its exit code, once it ended. */
  readonly code: Promise<number>;
}

/** Options of {@linkcode onTerminal}. */
export interface OnTerminalOptions {
  /** The width of the terminal. */
  columns: number;
  /** Variables added to the environment. */
  env: Record<string, string>;
  /** The working folder. */
  cwd?: string;
  /** Runs this instead of a file of tasks. */
  command?: readonly string[];
}

/** Starts a file of tasks on a real pseudo-terminal, by `script`. */
export function onTerminal(
  program: string,
  args: readonly string[],
  options: OnTerminalOptions,
): OnTerminal {
  const command = options.command ??
    [Deno.execPath(), "run", "-A", "--config", config, program, ...args];
  const child = new Deno.Command("script", {
    args: [
      "-qec",
      `stty cols ${options.columns} rows 40; exec ${shellLine(command)}`,
      "/dev/null",
    ],
    env: { CI: "", NO_COLOR: "", TERM: "xterm", ...options.env },
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    stdin: "piped",
    stdout: "piped",
    stderr: "null",
  }).spawn();
  const keys = child.stdin.getWriter();
  let text = "";
  let changed = Promise.withResolvers<void>();
  const reading = (async () => {
    for await (const piece of child.stdout.pipeThrough(new TextDecoderStream())) {
      text += piece;
      changed.resolve();
      changed = Promise.withResolvers();
    }
  })();
  const code = (async () => {
    const status = await child.status;
    await reading;
    // It may have gone before the last key.
    await keys.close().catch(() => {});
    return status.code;
  })();
  return {
    written: () => text,
    async until(pattern) {
      while (!pattern.test(text)) {
        const ended = await Promise.race([code.then(() => true), changed.promise]);
        if (ended && !pattern.test(text)) throw new Error(`it ended without ${pattern}: ${text}`);
      }
    },
    type: (keysTyped) => keys.write(new TextEncoder().encode(keysTyped)),
    code,
  };
}
