/** A text as one word of a POSIX shell, whatever is in it. */
export function shellQuote(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}

/** A program and its arguments as a line that a POSIX shell reads as the same. */
export function shellLine(command: readonly string[]): string {
  return command.map(shellQuote).join(" ");
}
