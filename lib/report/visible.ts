// deno-lint-ignore-file no-control-regex -- control characters are what is made visible here

/** A text whose control characters can be seen and do nothing: what comes from outside must not move the cursor. */
export function visible(text: string): string {
  return text.replace(
    /[\x00-\x08\x0b-\x1f\x7f-\x9f]/g,
    (letter) => `\\x${letter.charCodeAt(0).toString(16).padStart(2, "0")}`,
  );
}

/** A line that a child printed, with its colours and without what moves the cursor; of what it wrote over, the last. */
export function printable(line: string): string {
  const last = line.replace(/\r+$/, "");
  return last.slice(last.lastIndexOf("\r") + 1)
    .replace(/\x1b\[(?![\d;]*m)[\d;?<=>!]*[ -/]*[@-~]/g, "")
    .replace(/\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)/g, "")
    .replace(/\x1b(?!\[[\d;]*m)./g, "")
    .replace(/[\x00-\x08\x0b-\x1a\x1c-\x1f\x7f]/g, "");
}
