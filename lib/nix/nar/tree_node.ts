/**
 * What a walk through a store path meets. Nix takes any bytes for a name; here a name is text, so that one which is not UTF-8 cannot be read.
 *
 * @module
 */
import { KedgeError } from "../../base/errors.ts";

/**
 * What lies at a path, a link as itself.
 *
 * @throws {KedgeError} if its name is not UTF-8
 */
export function lookAtNode(at: string): Deno.FileInfo {
  try {
    return Deno.lstatSync(at);
  } catch (cause) {
    // A folder names such a file with another character in the place of what is none.
    if (!(cause instanceof Deno.errors.NotFound) || !at.includes("\uFFFD")) throw cause;
    throw new KedgeError(`Cannot read "${at}": its name is not UTF-8`, { cause });
  }
}

/**
 * Where a symlink leads, as it is written.
 *
 * @throws {KedgeError} if that is not UTF-8
 */
export function targetOf(at: string): string {
  try {
    return Deno.readLinkSync(at);
  } catch (cause) {
    if (!(cause instanceof Deno.errors.InvalidData)) throw cause;
    throw new KedgeError(`Cannot read "${at}": it leads to a name that is not UTF-8`, { cause });
  }
}
