/** The typed doorway to `@std/path`. @module */
import * as path from "deno-std/path/mod.js";

/** The last portion of a path. */
export const basename: (path: string, suffix?: string) => string = path.basename;
/** The folder of a path. */
export const dirname: (path: string) => string = path.dirname;
/** The extension of a path, with its dot. */
export const extname: (path: string) => string = path.extname;
/** The path that a `file:` URL names. */
export const fromFileUrl: (url: string | URL) => string = path.fromFileUrl;
/** Whether a path is absolute. */
export const isAbsolute: (path: string) => boolean = path.isAbsolute;
/** Joins segments and normalises them. */
export const join: (...segments: string[]) => string = path.join;
/** The path from one folder to another. */
export const relative: (from: string, to: string) => string = path.relative;
/** Resolves segments to an absolute path. */
export const resolve: (...segments: string[]) => string = path.resolve;
/** The `file:` URL of a path. */
export const toFileUrl: (path: string) => URL = path.toFileUrl;
