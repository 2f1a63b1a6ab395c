import * as v from "valibot";
import { KedgeError, NotAllowedError, UsageError } from "../../base/errors.ts";
import { longTimeout } from "../../base/long_timeout.ts";
import type { Redactor } from "../../base/redactor.ts";

const helperSchema = v.object({ Username: v.string(), Secret: v.string() });

/** What a helper keeps of a server; a user called `<token>` has an identity token for a secret. */
export interface HelperAnswer {
  /** The user. */
  readonly username: string;
  /** The password, or the token. */
  readonly secret: string;
}

/** Options of {@linkcode askHelper}. */
export interface AskHelperOptions {
  /** Keeps secrets out of what is told of a helper that fails. */
  redactor?: Pick<Redactor, "redact"> | undefined;
  /** Told that a helper keeps its asker waiting, as one does that asks somebody for a passphrase. */
  onWait?: ((message: string) => void) | undefined;
  /** How long a helper may take before that is told, in milliseconds. @default {5000} */
  patienceMs?: number | undefined;
  /** Ends a helper that hangs. */
  signal?: AbortSignal | undefined;
}

/** What no answer is longer than, in bytes. */
const largestAnswerBytes = 1024 * 1024;

/** The most characters that are told of what a helper said. */
const mostSaid = 300;

/**
 * Asks a credential helper of docker's for the credentials of a server; gives `undefined` where it has none.
 *
 * @throws {UsageError} if its name is none
 * @throws {NotAllowedError} if it fails
 * @throws {KedgeError} if it is not there, cannot be started, or its answer is malformed
 */
export async function askHelper(
  helper: string,
  server: string,
  { redactor, onWait, patienceMs = 5000, signal }: AskHelperOptions = {},
): Promise<HelperAnswer | undefined> {
  if (!/^[\w.-]+$/.test(helper)) {
    throw new UsageError(`Cannot ask the credential helper ${JSON.stringify(helper)}: bad name`);
  }
  const program = `docker-credential-${helper}`;
  const { runProcess } = await import("../../base/process_group.ts");
  const stdout = new Uint8Array(largestAnswerBytes);
  let size = 0;
  const keep = (piece: Uint8Array) => {
    if (size + piece.byteLength > largestAnswerBytes) {
      throw new KedgeError(
        `Cannot ask "${program}" for "${server}": its answer has more than ${largestAnswerBytes} bytes`,
      );
    }
    stdout.set(piece, size);
    size += piece.byteLength;
  };
  using _late = longTimeout(
    () => onWait?.(`waiting for "${program}", which was asked for the login of "${server}"`),
    patienceMs,
  );
  let ended;
  try {
    ended = await runProcess(program, {
      args: ["get"],
      onStdout: keep,
      stdin: new TextEncoder().encode(server),
      ...(signal === undefined ? {} : { signal }),
    });
  } catch (cause) {
    const { NotFound, PermissionDenied } = Deno.errors;
    if (!(cause instanceof NotFound || cause instanceof PermissionDenied)) throw cause;
    const { unrunnableHelper } = await import("./unrunnable_helper.ts");
    throw await unrunnableHelper(program, server, cause);
  }
  const answer = { ...ended, stdout: new TextDecoder().decode(stdout.subarray(0, size)) };
  if (answer.code !== 0) {
    if (/credentials not found/i.test(answer.stdout + answer.stderr)) return undefined;
    const said = wordsOf(answer, redactor);
    throw new NotAllowedError(
      `Cannot ask "${program}" for "${server}": it ended with code ${answer.code}` +
        (said === "" ? "" : ` (${said})`),
      { hint: `repair that, or log in again: docker login ${server}` },
    );
  }
  const parsed = v.safeParse(v.pipe(v.string(), v.parseJson(), helperSchema), answer.stdout);
  if (!parsed.success) {
    throw new KedgeError(`Cannot ask "${program}" for "${server}": its answer is malformed`);
  }
  return { username: parsed.output.Username, secret: parsed.output.Secret };
}

/** What a helper says of its failure, in one line: many do so on stdout, where an answer may stand, which is not to be told. */
function wordsOf(
  { stdout, stderr }: { stdout: string; stderr: string },
  redactor: AskHelperOptions["redactor"],
): string {
  const text = stderr.trim() || (stdout.includes("{") ? "" : stdout);
  const line = text.replace(/[\p{Cc}\s]+/gu, " ").trim();
  return (redactor?.redact(line) ?? line).slice(-mostSaid);
}
