import { codeOf } from "./errors.ts";

/**
 * What a reading of a path gives; `undefined` if nothing is there.
 *
 * @example
 * ```ts
 * import { ifThere } from "./files.ts";
 *
 * const info = await ifThere(Deno.stat("/nowhere/at/all"));
 * console.log(info === undefined);
 * ```
 */
export async function ifThere<T>(reading: Promise<T>): Promise<T | undefined> {
  try {
    return await reading;
  } catch (error) {
    if (isNotThere(error)) return undefined;
    throw error;
  }
}

/**
 * What lies at a path, a link as itself; `undefined` if nothing is there. It is asked for at once: a single look is over before a thread
 * would have begun with it. Whoever looks at thousands leaves that to threads, so that the process can be stopped meanwhile.
 */
export function lookAt(path: string): Deno.FileInfo | undefined {
  try {
    return Deno.lstatSync(path);
  } catch (error) {
    if (isNotThere(error)) return undefined;
    throw error;
  }
}

/** When a file was last written, in milliseconds since 1970; `undefined` where none is there. */
export function writtenMs(path: string): number | undefined {
  return lookAt(path)?.mtime?.getTime();
}

/** Whether an error says that nothing is at a path: nothing has that name, or what should be a folder on the way is none. */
export function isNotThere(error: unknown): boolean {
  return error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory;
}

/** Why a file cannot be read: that nothing is there, or what the system says. */
export function whyUnread(error: unknown): string {
  return isNotThere(error) ? "it is not there" : (error as Error).message;
}

/** Whether an error says that the system does not let this user do it; what may be done is for somebody else to say. */
export function isDenied(error: unknown): boolean {
  return error instanceof Deno.errors.PermissionDenied;
}

/** Whether an error says that nothing may be written there: not by this user, or by nobody. */
export function isReadOnly(error: unknown): boolean {
  return isDenied(error) || codeOf(error) === "EROFS";
}

/** Whether a file is there that this user may read, and Deno. */
export function canRead(path: string): boolean {
  try {
    // A pipe would be waited for.
    if (!Deno.statSync(path).isFile) return false;
    Deno.openSync(path).close();
    return true;
  } catch {
    return false;
  }
}

/** What a look at the disk gives; `undefined` where the system does not let this user look, of which `onDenied` is told in its words. */
export async function ifAllowed<T>(
  looking: Promise<T>,
  onDenied: (why: string) => void,
): Promise<T | undefined> {
  try {
    return await looking;
  } catch (error) {
    if (!isDenied(error)) throw error;
    onDenied((error as Error).message);
    return undefined;
  }
}

/** The names of what lies in a folder, sorted; none where there is no such folder. */
export async function folderNames(
  folder: string,
  options: { foldersOnly?: boolean } = {},
): Promise<string[]> {
  const entries = await ifThere(Array.fromAsync(Deno.readDir(folder))) ?? [];
  return entries.filter(({ isDirectory }) => isDirectory || !options.foldersOnly)
    .map(({ name }) => name).sort();
}

/** Removes what is not a file from where a file is to be: a folder would keep it from appearing for ever, a link would lead elsewhere. */
export async function clearWay(path: string): Promise<void> {
  if (lookAt(path)?.isFile === false) await Deno.remove(path, { recursive: true });
}

/** The text of a file; `undefined` where there is none: a pipe would be waited for, a link may lead anywhere. */
export async function readPlainText(path: string): Promise<string | undefined> {
  return lookAt(path)?.isFile ? await ifThere(Deno.readTextFile(path)) : undefined;
}

/** Gives a file a second name; `false` where that cannot be: another file system, another owner, a name that is taken. */
export async function linkFile(from: string, to: string): Promise<boolean> {
  try {
    await Deno.link(from, to);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) throw error;
    return false;
  }
}

/** Writes all of it where the file stands, at once: one write need not take the whole. */
export function writeAllSync(
  file: { writeSync(bytes: Uint8Array): number },
  bytes: Uint8Array,
): void {
  for (let at = 0; at < bytes.length;) at += file.writeSync(at === 0 ? bytes : bytes.subarray(at));
}
