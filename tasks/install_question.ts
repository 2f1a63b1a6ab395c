import type { NixosAnywhereOptions } from "./nixos_anywhere_options.ts";

/** What is asked before a host is installed. */
export function installQuestion(options: NixosAnywhereOptions): string {
  const system = options.flake ?? options.storePaths?.[1] ?? "a system";
  const { target, phases } = options;
  if (target === undefined) return `Test ${system} in a virtual machine here?`;
  return phases === undefined || phases.includes("disko")
    ? `Install ${system} on ${target}? This erases its disks.`
    : `Run the phases ${phases.join(", ")} for ${system} on ${target}?`;
}
