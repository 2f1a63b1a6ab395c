import { delay } from "@std/async";

/** What starts a service of an engine's API. */
export interface EngineServiceOptions {
  /** The program that serves, with its arguments. */
  command: readonly [string, ...string[]];
  /** Variables for it, beside those of this process. */
  env?: Record<string, string>;
  /** The program that succeeds once it serves, with its arguments. */
  asks: readonly [string, ...string[]];
  /** What it serves, for the error if it does not. */
  what: string;
}

/** A program that serves the API of an engine, until it is disposed of. */
export class EngineService implements AsyncDisposable {
  readonly #server: Deno.ChildProcess;

  private constructor(server: Deno.ChildProcess) {
    this.#server = server;
  }

  /** Starts it, and waits until it serves. */
  static async start({ command, env, asks, what }: EngineServiceOptions): Promise<EngineService> {
    const [program, ...args] = command;
    const server = new Deno.Command(program, {
      args,
      ...(env === undefined ? {} : { env }),
      stdin: "null",
      stdout: "null",
      stderr: "null",
    }).spawn();
    const service = new EngineService(server);
    let isOver = false;
    server.status.then(() => isOver = true);
    const [asking, ...question] = asks;
    for (let asked = 0; !isOver && asked < 300; asked++) {
      const answer = new Deno.Command(asking, { args: question, stdin: "null" });
      if ((await answer.output()).success) return service;
      await delay(100);
    }
    if (!isOver) await service[Symbol.asyncDispose]();
    throw new Error(`nobody serves ${what}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.kill("SIGTERM");
    await this.#server.status;
  }
}
