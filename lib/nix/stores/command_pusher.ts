import { KedgeError } from "../../base/errors.ts";
import { runProcess } from "../../base/process_group.ts";
import type { SourcePath } from "../source_path.ts";
import type { StorePusher, StorePushOptions } from "./store_pusher.ts";

/** What a {@linkcode CommandPusher} is made of. */
export interface CommandPusherOptions {
  /** The command of `exec:`, for the shell; the store paths follow as its last arguments. */
  command: string;
  /** Variables added to its environment. */
  env?: Readonly<Record<string, string>> | undefined;
}

/** Brings paths by a command: `attic push main`, `cachix push acme`. */
export class CommandPusher implements StorePusher {
  #options: CommandPusherOptions;

  /** Runs nothing yet. */
  constructor(options: CommandPusherOptions) {
    this.#options = options;
  }

  async push(
    paths: readonly SourcePath[],
    { meter, record, signal }: StorePushOptions,
  ): Promise<void> {
    const { command, env } = this.#options;
    const bytes = paths.reduce((sum, { narSize }) => sum + narSize, 0);
    using progress = meter.object(command, bytes);
    record(command, "running", { paths: paths.length });
    const { code, stderr } = await runProcess("/bin/sh", {
      args: ["-c", `${command} "$@"`, "sh", ...paths.map(({ storePath }) => storePath.path)],
      onStdout: () => {},
      signal,
      ...(env === undefined ? {} : { env: { ...env } }),
    });
    if (code !== 0) {
      const words = stderr.trim().split("\n").at(-1)?.slice(0, 300) ?? "";
      throw new KedgeError(`Cannot run "${command}": it ended with code ${code} (${words})`, {
        side: "destination",
      });
    }
    progress.moved(bytes);
    record(command, "ended");
  }
}
