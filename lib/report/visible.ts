// deno-lint-ignore-file no-control-regex -- control characters are what is made visible here

/** A text whose control characters can be seen and do nothing: what comes from outside must not move the cursor. */
export function visible(text: string): string {
  return text.replace(
    /[\x00-\x08\x0b-\x1f\x7f-\x9f]/g,
    (letter) => `\\x${letter.charCodeAt(0).toString(16).padStart(2, "0")}`,
  );
}

/**
 * A line that a child printed, with its colours, which end with it, and without what moves the cursor; of what it wrote over, the
 * last.
 */
export function printable(line: string): string {
  const last = line.replace(/\r+$/, "");
  const text = last.slice(last.lastIndexOf("\r") + 1)
    .replace(/\x1b\[(?![\d;]*m)[\d;?<=>!]*[ -/]*[@-~]/g, "")
    .replace(/\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)/g, "")
    .replace(/\x1b(?!\[[\d;]*m)[^\x1b]?/gs, "")
    .replace(/[\x00-\x08\x0b-\x1a\x1c-\x1f\x7f-\x9f]/g, "");
  const colour = text.lastIndexOf("\x1b[");
  return colour < 0 || /^\x1b\[0?m/.test(text.slice(colour)) ? text : `${text}\x1b[0m`;
}

/** Lines of which GitHub's runner takes none for a command: to it, those begin with `::`, or hold `##[` anywhere. */
export function withoutCommands(text: string): string {
  return text.replace(/^([^\S\r\n]*)::/gm, "$1\\::").replaceAll("##[", "##\\[");
}

/** A text as the message of a command of GitHub Actions. */
export function escapeMessage(text: string): string {
  return text.replaceAll("%", "%25").replaceAll("\r", "%0D").replaceAll("\n", "%0A");
}

/** A text as a property of such a command. */
export function escapeProperty(text: string): string {
  return escapeMessage(text).replaceAll(":", "%3A").replaceAll(",", "%2C");
}
