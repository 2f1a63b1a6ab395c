/**
 * The typed doorway to `@std/path`. It leads straight to the functions of this system: the package's own question for the system,
 * asked from within npm, starts the whole of Node's `process`, which doubles the start of a program. Each function costs every start its
 * files, so what only some need has a doorway of its own.
 *
 * @module
 */
import { basename as posixBasename } from "deno-std/path/posix/basename.js";
import { dirname as posixDirname } from "deno-std/path/posix/dirname.js";
import { fromFileUrl as posixFromFileUrl } from "deno-std/path/posix/from_file_url.js";
import { isAbsolute as posixIsAbsolute } from "deno-std/path/posix/is_absolute.js";
import { join as posixJoin } from "deno-std/path/posix/join.js";
import { relative as posixRelative } from "deno-std/path/posix/relative.js";
import { resolve as posixResolve } from "deno-std/path/posix/resolve.js";

const windows = Deno.build.os === "windows"
  ? await import("deno-std/path/windows/mod.js")
  : undefined;

/** The last portion of a path. */
export const basename: (path: string, suffix?: string) => string = windows?.basename ??
  posixBasename;
/** The folder of a path. */
export const dirname: (path: string) => string = windows?.dirname ?? posixDirname;
/** The path that a `file:` URL names. */
export const fromFileUrl: (url: string | URL) => string = windows?.fromFileUrl ?? posixFromFileUrl;
/** Whether a path is absolute. */
export const isAbsolute: (path: string) => boolean = windows?.isAbsolute ?? posixIsAbsolute;
/** Joins segments and normalises them. */
export const join: (...segments: string[]) => string = windows?.join ?? posixJoin;
/** The path from one folder to another. */
export const relative: (from: string, to: string) => string = windows?.relative ?? posixRelative;
/** Resolves segments to an absolute path. */
export const resolve: (...segments: string[]) => string = windows?.resolve ?? posixResolve;
