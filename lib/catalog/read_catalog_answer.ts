import * as v from "valibot";
import { UnreachableError, VerificationError } from "../base/errors.ts";

const largestBytes = 256 * 1024 * 1024;

/**
 * What a catalog answered, checked.
 *
 * @param url the catalog, for messages
 * @throws {UnreachableError} if the answer breaks off
 * @throws {VerificationError} if it is not what such an answer must be
 */
export async function readCatalogAnswer<S extends v.GenericSchema>(
  response: Response,
  schema: S,
  url: string,
  signal?: AbortSignal,
): Promise<v.InferOutput<S>> {
  const bad = (state: string, cause?: unknown) =>
    new VerificationError(`Cannot read the answer of "${url}": ${state}`, {
      cause,
      hint: "the URL may not be that of a catalog",
    });
  let text = "";
  const decoder = new TextDecoder();
  let size = 0;
  try {
    for await (const piece of response.body ?? []) {
      size += piece.length;
      if (size > largestBytes) throw bad(`it has more than ${largestBytes} bytes`);
      text += decoder.decode(piece, { stream: true });
    }
  } catch (cause) {
    if (cause instanceof VerificationError || signal?.aborted) throw cause;
    throw new UnreachableError(`Cannot read the answer of "${url}": ${(cause as Error).message}`, {
      cause,
      side: "destination",
      hint: "run the same command again: it finds out whether the entry was committed",
    });
  }
  let data: unknown;
  try {
    data = JSON.parse(text + decoder.decode());
  } catch (cause) {
    throw bad("it is not JSON", cause);
  }
  const parsed = v.safeParse(schema, data);
  if (parsed.success) return parsed.output;
  const [issue] = parsed.issues;
  throw bad(`${v.getDotPath(issue) ?? "it"}: ${issue.message}`);
}
