import { join } from "@std/path";
import { KedgeError } from "../base/errors.ts";

/** The error of a credential helper that could not be started: why, as far as its file in PATH shows. */
export async function unrunnableHelper(
  program: string,
  server: string,
  cause: unknown,
): Promise<KedgeError> {
  const asked = `Cannot ask "${program}" for "${server}"`;
  const found = await fileInPath(program);
  if (found === undefined) {
    return new KedgeError(`${asked}: there is no such program`, {
      cause,
      hint: "install it, or take it out of credHelpers and credsStore",
    });
  }
  return found.isExecutable
    ? new KedgeError(`${asked}: "${found.path}" cannot be started`, {
      cause,
      hint: "it is there, but what its first line names, or what loads it, is not",
    })
    : new KedgeError(`${asked}: "${found.path}" is not executable`, {
      cause,
      hint: `make it so: chmod +x ${found.path}`,
    });
}

/** The first file of that name that is executable, else the first. */
async function fileInPath(
  name: string,
): Promise<{ path: string; isExecutable: boolean } | undefined> {
  const separator = Deno.build.os === "windows" ? ";" : ":";
  const { state } = Deno.permissions.querySync({ name: "env", variable: "PATH" });
  const folders = state === "granted" ? (Deno.env.get("PATH") ?? "").split(separator) : [];
  let first: { path: string; isExecutable: boolean } | undefined;
  for (const folder of folders.filter((each) => each !== "")) {
    const path = join(folder, name);
    // What cannot be looked at is as little there as what is not.
    const file = await Deno.stat(path).catch(() => undefined);
    if (file?.isFile !== true) continue;
    const isExecutable = file.mode === null || (file.mode & 0o111) !== 0;
    if (isExecutable) return { path, isExecutable };
    first ??= { path, isExecutable };
  }
  return first;
}
