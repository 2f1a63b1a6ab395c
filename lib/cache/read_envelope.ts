import { codeOf } from "../base/errors.ts";
import { isDenied, isNotThere } from "../base/files.ts";
import type { Envelope, EnvelopeFound, EnvelopeRead } from "./entry_record.ts";
import { isDigestText, isListOf, isText, isTime, misfit, type Shape } from "./entry_shape.ts";

/** What an envelope holds whatever the bucket. */
const envelopeShape: Shape = {
  required: { key: isText, created: isTime, updated: isTime },
  optional: { by: isText, refs: isListOf(isDigestText), spare: isListOf(isDigestText) },
};

/**
 * Reads the envelope of a pointer of any bucket. What the system does not let this user read, or is not a file, is unreadable; only a file
 * is opened, since a pipe would be waited for.
 */
export async function readEnvelope(path: string): Promise<EnvelopeRead> {
  let usedMs = 0;
  try {
    const { isFile, mtime } = await Deno.stat(path);
    usedMs = mtime?.getTime() ?? 0;
    return { usedMs, ...parseEnvelope(isFile ? await Deno.readTextFile(path) : undefined) };
  } catch (error) {
    return { usedMs, ...missOf(error) };
  }
}

/** The same at once, for a single look-up: it is over before a thread would have begun with it. */
export function readEnvelopeNow(path: string): EnvelopeRead {
  let usedMs = 0;
  try {
    const { isFile, mtime } = Deno.statSync(path);
    usedMs = mtime?.getTime() ?? 0;
    return { usedMs, ...parseEnvelope(isFile ? Deno.readTextFileSync(path) : undefined) };
  } catch (error) {
    return { usedMs, ...missOf(error) };
  }
}

function missOf(error: unknown): EnvelopeFound {
  if (isNotThere(error)) return { miss: { reason: "absent" } };
  const detail = (error as Error).message;
  if (isDenied(error)) return { miss: { reason: "unreadable", detail, denied: true } };
  // What passes, such as too many open files, is none of these.
  if (codeOf(error) !== "ELOOP") throw error;
  return { miss: { reason: "unreadable", detail } };
}

function parseEnvelope(text: string | undefined): EnvelopeFound {
  if (text === undefined) return { miss: { reason: "unreadable", detail: "it is not a file" } };
  let data: unknown;
  try {
    data = JSON.parse(text);
  } catch (error) {
    return { miss: { reason: "unreadable", detail: (error as Error).message } };
  }
  const detail = misfit(data, envelopeShape);
  if (detail !== undefined) return { miss: { reason: "unreadable", detail } };
  const envelope = data as Envelope;
  // Those of the first versions have neither.
  const { by = "", refs = [] } = envelope as Partial<Envelope>;
  return { envelope: { ...envelope, by, refs: [...new Set(refs)] } };
}
