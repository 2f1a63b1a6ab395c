import { KedgeError } from "../../base/errors.ts";
import { type FileInPath, fileInPath } from "../../base/file_in_path.ts";
import { grantedVariable } from "../../base/granted_variable.ts";
import { isGranted } from "../../base/is_granted.ts";
import { pathFolders } from "../../base/path_folders.ts";

/** The error of a credential helper that could not be started: why, as far as its file in PATH shows. */
export async function unrunnableHelper(
  program: string,
  server: string,
  cause: unknown,
): Promise<KedgeError> {
  const path = grantedVariable("PATH");
  const { state, hint } = path !== undefined && pathFolders(path).every(mayBeRead)
    ? stateOf(await fileInPath(program, path))
    : {
      state: "it cannot be started",
      hint: "is it installed and executable? this process may not read PATH or its folders",
    };
  return new KedgeError(`Cannot ask "${program}" for "${server}": ${state}`, { cause, hint });
}

function mayBeRead(folder: string): boolean {
  return isGranted({ name: "read", path: folder });
}

function stateOf(found: FileInPath | undefined): { state: string; hint: string } {
  if (found === undefined) {
    return {
      state: "there is no such program",
      hint: "install it, or take it out of credHelpers and credsStore",
    };
  }
  return found.isExecutable
    ? {
      state: `"${found.path}" cannot be started`,
      hint: "it is there, but what its first line names, or what loads it, is not",
    }
    : { state: `"${found.path}" is not executable`, hint: `make it so: chmod +x ${found.path}` };
}
