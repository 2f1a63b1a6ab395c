import defer * as fs from "node:fs";
import { KedgeError, UsageError } from "../base/errors.ts";

/**
 * Refuses to push a file that does not end where its file system says: what the kernel makes up as it is read, as in `/proc` and `/sys`, has a size
 * of no bytes, or of a whole page.
 *
 * @param sizeBytes what the file system said
 * @throws {UsageError} if it has more bytes, or fewer, and the file system still says the same
 * @throws {KedgeError} if it cannot be read where it should end
 */
export function refuseFalseSize(path: string, sizeBytes: number): void {
  const { O_RDONLY, O_NONBLOCK = 0 } = fs.constants;
  Deno.openSync(path).close(); // Where it may not be read, this says so in the words of all other files.
  // Of some such files a reading waits for what is to come.
  const file = fs.openSync(path, O_RDONLY | O_NONBLOCK);
  try {
    const last = Math.min(1, sizeBytes);
    const count = countAt(path, file, sizeBytes - last);
    if (count === last || fs.fstatSync(file).size !== sizeBytes) return;
    throw new UsageError(
      `Cannot push "${path}": its file system says that it has ${sizeBytes} bytes, and it has ` +
        (count > last ? "more" : "fewer"),
      { hint: "copy what is in it to a file, and push that" },
    );
  } finally {
    fs.closeSync(file);
  }
}

/** How many bytes come of the two from a place on; where one must wait for them, both. */
function countAt(path: string, file: number, at: number): number {
  const bytes = new Uint8Array(2);
  try {
    return fs.readSync(file, bytes, 0, bytes.length, at);
  } catch (cause) {
    const { code, message } = cause as { code?: string; message: string };
    if (code === "EAGAIN") return bytes.length;
    throw new KedgeError(`Cannot push "${path}": it cannot be read at byte ${at}: ${message}`, {
      side: "source",
      cause,
    });
  }
}
