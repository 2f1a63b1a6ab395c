import { KedgeError } from "../../lib/base/errors.ts";

/** What a host tells of itself. */
export interface TargetFacts {
  /** What `uname -m` says. */
  machine: string;
  /** What `uname -r` says. */
  release: string;
  /** The id of this boot, another after each; empty where the kernel tells none. */
  bootId: string;
  /** Whether the NixOS installer runs there. */
  isInstaller: boolean;
  /** What comes before a command that root must run; absent where the user cannot become root without a password. */
  asRoot?: readonly string[];
  /** Programs among those asked for that are missing there. */
  missing: readonly string[];
}

/** A script, to follow the function `answer`, that answers with the facts and writes nothing. */
export function factsScript(programs: readonly string[] = []): string {
  return `
    answer system "$(uname -s)"
    answer machine "$(uname -m)"
    answer release "$(uname -r)"
    answer bootId "$(cat /proc/sys/kernel/random/boot_id 2>/dev/null)"
    if grep -Eq '^ID(_LIKE)?="?nixos"?' /etc/os-release 2>/dev/null &&
      grep -Eq '^VARIANT_ID="?installer"?' /etc/os-release; then answer installer y; fi
    if [ "$(id -u)" -eq 0 ]; then answer asRoot root
    elif sudo -n true 2>/dev/null; then answer asRoot sudo
    elif doas -n true 2>/dev/null; then answer asRoot doas
    fi
    missing=""
    for program in ${programs.join(" ")}; do
      command -v "$program" >/dev/null 2>&1 || missing="$missing $program"
    done
    answer missing "$missing"
  `;
}

const escalations: ReadonlyMap<string, readonly string[]> = new Map([
  ["root", []],
  ["sudo", ["sudo", "-n"]],
  ["doas", ["doas", "-n"]],
]);

/**
 * The facts in a script's answers.
 *
 * @throws {KedgeError} if the host is not Linux, or did not answer
 */
export function readFacts(answers: Record<string, string>, target: string): TargetFacts {
  const { system, machine = "", release = "", bootId = "", asRoot = "", missing = "" } = answers;
  if (system !== "Linux") {
    const state = system === undefined ? "it did not answer the questions" : `it runs ${system}`;
    throw new KedgeError(`Cannot use "${target}": ${state}`, {
      hint: "a bundle is booted from Linux",
      side: "destination",
    });
  }
  const escalation = escalations.get(asRoot);
  return {
    machine,
    release,
    bootId,
    isInstaller: answers.installer === "y",
    ...(escalation === undefined ? {} : { asRoot: escalation }),
    missing: missing.split(" ").filter((program) => program !== ""),
  };
}
