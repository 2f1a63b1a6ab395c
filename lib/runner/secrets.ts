import { KedgeError, UsageError } from "../base/errors.ts";
import { whyUnread } from "../base/files.ts";
import { everyRedactor, type Redactor } from "../base/redactor.ts";
import { Secret } from "../base/secret.ts";

/** Where the value of a secret is. */
export type SecretSource = { env: string } | { file: string } | { command: readonly string[] };

/** Gives values that never print: the redactor knows each of them from its creation on. */
export class Secrets {
  #redactor: Pick<Redactor, "add">;
  #signal: AbortSignal | undefined;

  /** Tells its secrets to this redactor; the signal ends programs that are run for one. */
  constructor(redactor: Pick<Redactor, "add">, signal?: AbortSignal) {
    this.#redactor = redactor;
    this.#signal = signal;
  }

  /**
   * The value of an environment variable.
   *
   * @throws {UsageError} if it is not set, or empty
   */
  env(name: string): Secret {
    const value = Deno.env.get(name);
    if (!value) {
      const state = value === "" ? "empty" : "not set";
      throw new UsageError(
        `Cannot read the secret "${name}": the environment variable is ${state}`,
      );
    }
    return new Secret(value, `env ${name}`, this.#redactor);
  }

  /** The contents of a file, without white space around them. */
  async file(path: string): Promise<Secret> {
    let text: string;
    try {
      text = await Deno.readTextFile(path);
    } catch (cause) {
      throw new UsageError(`Cannot read the secret file "${path}": ${whyUnread(cause)}`, { cause });
    }
    return new Secret(text.trim(), `file ${path}`, this.#redactor);
  }

  /** What a program prints, without white space around it. */
  async command(program: string, ...args: string[]): Promise<Secret> {
    const { runProcess } = await import("../base/process_group.ts");
    const { code, stdout } = await runProcess(program, {
      args,
      ...(this.#signal === undefined ? {} : { signal: this.#signal }),
    });
    if (code !== 0) {
      throw new KedgeError(`Cannot get a secret from "${program}": it ended with code ${code}`);
    }
    return new Secret(stdout.trim(), `command ${program}`, this.#redactor);
  }

  /** The value of any source. */
  async from(source: SecretSource): Promise<Secret> {
    if ("env" in source) return this.env(source.env);
    if ("file" in source) return await this.file(source.file);
    const [program, ...args] = source.command;
    if (program === undefined) throw new UsageError("Cannot get a secret: the command is empty");
    return await this.command(program, ...args);
  }
}

/**
 * Gives values that never print, anywhere in a task file: what it gives is hidden from all that this process shows or writes down, from
 * then on. Within a task, `secrets` of the context does the same, and ends with the run.
 *
 * @example
 * ```ts
 * import { secret } from "@kedge/kedge";
 *
 * Deno.env.set("TOKEN", "hunter2");
 * const token = secret.env("TOKEN");
 * `${token}`; // [secret env TOKEN]
 * token.reveal(); // hunter2
 * ```
 */
export const secret: Secrets = new Secrets(everyRedactor);
