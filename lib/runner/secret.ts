import { everyRedactor } from "../base/redactor.ts";
import { Secrets } from "./secrets.ts";

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
