import { checkOptions } from "../../lib/base/check_options.ts";
import type { NixosAnywhereOptions } from "./nixos_anywhere_options.ts";

/** The question before a host is installed; `undefined` for a test in a virtual machine, which touches no host. */
export function installQuestion(options: NixosAnywhereOptions): string | undefined {
  checkOptions(options, {}, { storePaths: "list", phases: "list" });
  if (options.vmTest) return undefined;
  const system = options.flake ?? options.storePaths?.[1] ?? "a system";
  const { target, phases, diskoMode } = options;
  const hasDisko = phases === undefined || phases.includes("disko");
  if (hasDisko && diskoMode === "mount") {
    return `Install ${system} on ${target}? Its disks are mounted as they are.`;
  }
  return hasDisko
    ? `Install ${system} on ${target}? This erases its disks.`
    : `Run the phases ${phases.join(", ")} for ${system} on ${target}?`;
}
