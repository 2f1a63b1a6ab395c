import { build$, type ProgressBar } from "@david/dax";

const shell = build$();
let pending: () => void = () => {};
shell.setInfoLogger(() => pending());

/** A bar that counts bytes. */
export function makeBar(prefix: string, message: string): ProgressBar {
  return shell.progress({ prefix, message, length: 1 }).kind("bytes");
}

/** Prints something with the bars out of the way. */
export function printAbove(print: () => void): void {
  pending = print;
  shell.log("");
}
