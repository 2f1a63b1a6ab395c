import { readWithin } from "./read_within.ts";

/**
 * The beginning of a body as a text, of at most so many bytes; the rest is let go, however much a server sends.
 *
 * @throws {UnreachableError} if nothing more comes for so many milliseconds
 */
export async function bodyStart(
  response: Response,
  mostBytes: number,
  idleMs = 30_000,
): Promise<string> {
  const reader = response.body?.getReader();
  if (reader === undefined) return "";
  const decoder = new TextDecoder();
  let text = "";
  try {
    for (let left = mostBytes; left > 0;) {
      const { value, done } = await readWithin(reader, idleMs, response.url);
      if (done) return text + decoder.decode();
      text += decoder.decode(value.subarray(0, left), { stream: true });
      left -= value.byteLength;
    }
    return text;
  } finally {
    await reader.cancel().catch(() => undefined);
  }
}
