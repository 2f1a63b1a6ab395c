import { visible } from "./visible.ts";

/** Asks the person at the terminal a question that is answered with yes or no; `undefined` where there is no terminal. */
export async function askPerson(
  question: string,
  signal: AbortSignal,
): Promise<boolean | undefined> {
  if (!Deno.stdin.isTerminal() || !Deno.stderr.isTerminal()) return undefined;
  await Deno.stderr.write(new TextEncoder().encode(`${visible(question)} [y/N] `));
  const buffer = new Uint8Array(256);
  const read = Deno.stdin.read(buffer);
  const stopped = new Promise<never>((_resolve, reject) => {
    if (signal.aborted) reject(signal.reason);
    signal.addEventListener("abort", () => reject(signal.reason), { once: true });
  });
  let size: number | null = null;
  try {
    size = await Promise.race([read, stopped]);
  } finally {
    // Nobody ended the line of the question.
    if (size === null) await Deno.stderr.write(new TextEncoder().encode("\n"));
  }
  const answer = new TextDecoder().decode(buffer.subarray(0, size ?? 0)).trim().toLowerCase();
  return answer === "y" || answer === "yes";
}
