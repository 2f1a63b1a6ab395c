import { checkValue } from "../base/check_options.ts";

/** The machine that boots a bundle, by Nix's name for it. */
export type KexecArchitecture = "x86_64-linux" | "aarch64-linux";

/**
 * The architecture that `uname -m` names, or `undefined` where there is no bundle for it.
 *
 * @throws {UsageError} if it is not a text
 */
export function architectureOfMachine(machine: string): KexecArchitecture | undefined {
  checkValue("machine", machine, "text");
  switch (machine.trim().toLowerCase()) {
    case "x86_64":
    case "amd64":
      return "x86_64-linux";
    case "aarch64":
    case "arm64":
      return "aarch64-linux";
    default:
      return undefined;
  }
}
