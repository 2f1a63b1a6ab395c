import { KedgeError, NotAllowedError } from "../../lib/base/errors.ts";
import { failingDiskHint } from "../../lib/base/failing_disk.ts";

const deniedHint = "run it as a user who may, or name another place";
const goneHint = "does another program change it? run the same command again";
const placeHint = "something else stands where a folder belongs; move it away";
const folderHint = "a folder stands where a file belongs; move it away";
const busyHint = "what is mounted or run from stays where it is; end that first";
/** What the operating system says of files, and the next step. */
const fileErrors: Readonly<Record<string, string | undefined>> = {
  EACCES: deniedHint,
  EBUSY: busyHint,
  EEXIST: placeHint,
  EISDIR: folderHint,
  EPERM: deniedHint,
  EROFS: deniedHint,
  ENOENT: goneHint,
  ENOTDIR: placeHint,
  EIO: failingDiskHint,
  ELOOP: undefined,
  ENAMETOOLONG: undefined,
};

/**
 * Does the work of a task; what the operating system says against a file is told together with what was to be done.
 *
 * @param action what is done: `push "vm.img"`
 * @param hints what this task can do about some errors, by their codes
 * @throws {NotAllowedError} if this user may not do that
 * @throws {KedgeError} if the system refuses something else
 */
export async function inWords<T>(
  action: string,
  work: () => Promise<T>,
  hints: Readonly<Record<string, string>> = {},
): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    const { code, message } = cause as { code?: unknown; message?: string };
    if (typeof code !== "string" || !(code in fileErrors)) throw cause;
    const hint = hints[code] ?? fileErrors[code];
    const Failure = hint === deniedHint ? NotAllowedError : KedgeError;
    throw new Failure(`Cannot ${action}: ${message}`, {
      cause,
      ...(hint === undefined ? {} : { hint }),
    });
  }
}
