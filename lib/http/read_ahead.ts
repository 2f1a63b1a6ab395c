import { bodyStart } from "./body_start.ts";

/** Of an answer that is long, or does not come to its end, no more is read, in bytes, and waited for, in milliseconds. */
const mostBytes = 4096;
const patienceMs = 2000;

/** The beginning of the body of an answer that explains a failure, as far as it comes, and an answer that has it still to be read. */
export async function readAhead(
  response: Response,
): Promise<{ text: string; response: Response }> {
  const { status, headers } = response;
  const text = await bodyStart(response, mostBytes, patienceMs).catch(() => "");
  return { text, response: new Response(text, { status, headers }) };
}
