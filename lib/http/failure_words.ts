/** All that an error and what led to it say, a line each. */
export function failureWords(error: unknown): string {
  const words: string[] = [];
  for (let at = error; at instanceof Error && words.length < 8; at = at.cause) {
    words.push(at.message);
  }
  return words.join("\n");
}

/** Whether a fetch failed before a connection stood. */
export function isUnconnected(error: unknown): boolean {
  return failureWords(error).includes("(Connect)");
}
