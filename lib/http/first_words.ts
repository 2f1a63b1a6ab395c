import { readWithin } from "./read_within.ts";

/**
 * The first words of a body that explains a failure, in one line, where they come within so many milliseconds; the rest of the body
 * is let go.
 */
export async function firstWords(
  response: Response,
  length: number,
  patienceMs = 2000,
): Promise<string> {
  const reader = response.body?.getReader();
  if (reader === undefined) return "";
  try {
    const { value } = await readWithin(reader, patienceMs, response.url);
    const text = new TextDecoder().decode(value?.subarray(0, 512));
    return text.replace(/[\p{Cc}\s]+/gu, " ").trim().slice(0, length);
  } catch {
    return "";
  } finally {
    await reader.cancel().catch(() => undefined);
  }
}
