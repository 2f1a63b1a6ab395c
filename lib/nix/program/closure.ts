import { KedgeError, VerificationError } from "../../base/errors.ts";
import { askPathInfo } from "./ask_path_info.ts";
import type { NixCommandOptions } from "./nix_command.ts";
import { notInStore, parsePathInfo, type PathInfo } from "../path_info.ts";

/**
 * All that the given store paths need, themselves included, each path after those that it needs.
 *
 * @throws {KedgeError} if one of them is not in the store
 */
export async function queryClosure(
  paths: readonly string[],
  options: NixCommandOptions = {},
): Promise<PathInfo[]> {
  const answers = await askNix(paths, options);
  const infos = answers.flatMap(parsePathInfo);
  const known = new Set(infos.map((info) => info.storePath.path));
  const missing = paths.find((path) => !known.has(path));
  if (missing !== undefined) {
    throw new VerificationError(
      `Cannot copy "${missing}": nix path-info left it out of its answer`,
    );
  }
  return sortClosure(infos);
}

async function askNix(paths: readonly string[], options: NixCommandOptions): Promise<unknown[]> {
  try {
    return await askPathInfo(paths, ["--recursive"], "ask for the closure", options);
  } catch (error) {
    // With --recursive, Nix ends at the first path that it does not have.
    const stderr = error instanceof KedgeError ? String(error.data["stderr"] ?? "") : "";
    const missing = /path '([^']+)' (?:is not (?:a )?valid|does not exist)/.exec(stderr)?.[1];
    throw missing === undefined ? error : notInStore([missing]);
  }
}

/**
 * The paths in an order in which each comes after those that it needs; paths that do not depend on each other
 * keep the order of their names.
 *
 * @throws {VerificationError} if a path needs one that is not among them, or they need each other in a ring
 */
export function sortClosure(infos: readonly PathInfo[]): PathInfo[] {
  const byName = new Map(infos.map((info) => [info.storePath.baseName, info]));
  const state = new Map<string, "open" | "done">();
  const sorted: PathInfo[] = [];
  for (const start of [...byName.keys()].sort()) {
    const stack: { name: string; next: number }[] = [{ name: start, next: 0 }];
    if (state.has(start)) continue;
    state.set(start, "open");
    while (stack.length > 0) {
      const top = stack.at(-1)!;
      const info = byName.get(top.name)!;
      const reference = info.references[top.next++];
      if (reference === undefined) {
        state.set(top.name, "done");
        sorted.push(info);
        stack.pop();
      } else if (reference !== top.name) {
        if (!byName.has(reference)) {
          throw new VerificationError(
            `Cannot copy "${info.storePath.path}": the closure lacks "${reference}", which it needs`,
          );
        }
        const seen = state.get(reference);
        if (seen === "open") {
          throw new VerificationError(
            `Cannot copy "${info.storePath.path}": it and "${reference}" need each other`,
          );
        }
        if (seen === undefined) {
          state.set(reference, "open");
          stack.push({ name: reference, next: 0 });
        }
      }
    }
  }
  return sorted;
}
