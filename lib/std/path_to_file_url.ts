/** The typed doorway to `@std/path/to-file-url`, apart from what every program loads. @module */
import { toFileUrl as posixToFileUrl } from "deno-std/path/posix/to_file_url.js";

const windows = Deno.build.os === "windows"
  ? await import("deno-std/path/windows/mod.js")
  : undefined;

/** The `file:` URL of a path. */
export const toFileUrl: (path: string) => URL = windows?.toFileUrl ?? posixToFileUrl;
