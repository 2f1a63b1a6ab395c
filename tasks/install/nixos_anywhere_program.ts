import { KedgeError } from "../../lib/base/errors.ts";
import { findProgram } from "../../lib/base/find_program.ts";

/** The revision whose flags kedge types; `nix run` takes it where none is named. */
export const nixosAnywhereRevision = "91fc9b70fc295258c366cce8627efb6f185fd9fb";

/** Which program is run. */
export interface WhichNixosAnywhere {
  /** The program itself. */
  program?: string | undefined;
  /** The revision for `nix run`. */
  revision?: string | undefined;
}

/**
 * The beginning of the command: the program that is named, the one on PATH, or `nix run`.
 *
 * @throws {KedgeError} if there is neither
 */
export async function nixosAnywhereProgram(which: WhichNixosAnywhere): Promise<string[]> {
  const { program, revision } = which;
  if (program !== undefined) return [program];
  if (revision === undefined) {
    const found = await findProgram("nixos-anywhere");
    if (found !== undefined) return [found];
  }
  if (await findProgram("nix") === undefined) {
    throw new KedgeError("Cannot run nixos-anywhere: neither it nor nix is on PATH", {
      hint: "install nixos-anywhere, or Nix",
    });
  }
  return [
    "nix",
    "--extra-experimental-features",
    "nix-command flakes",
    "run",
    `github:nix-community/nixos-anywhere/${revision ?? nixosAnywhereRevision}`,
    "--",
  ];
}
