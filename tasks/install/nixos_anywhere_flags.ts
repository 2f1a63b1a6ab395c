/**
 * The command line of nixos-anywhere. Secrets never stand in it: they go by the environment or by files.
 *
 * @module
 */
import { checkOptions } from "../../lib/base/check_options.ts";
import { UsageError } from "../../lib/base/errors.ts";
import { compressionOfName, tarballSuffixes } from "../../lib/kexec/tarball_compression.ts";
import {
  checkPort,
  checkSshTarget,
  type SshTarget,
  withoutBrackets,
} from "../../lib/ssh/ssh_target.ts";
import type { InstallPhase, NixosAnywhereOptions } from "./nixos_anywhere_options.ts";

/** All phases, in their order. */
export const installPhases: readonly InstallPhase[] = ["kexec", "disko", "install", "reboot"];

/** How a file that holds a disk's key is called on the command line. */
export type KeyFileOf = (remotePath: string) => string;

/** The flags for a host and some phases. */
export function nixosAnywhereFlags(
  options: NixosAnywhereOptions,
  host: SshTarget | undefined,
  phases: readonly InstallPhase[],
  keyFileOf: KeyFileOf,
): string[] {
  const { chown = {}, diskEncryptionKeys = {}, sshStoreSettings = {}, nixOptions = {} } = options;
  const value = (flag: string, given: string | number | undefined) =>
    given === undefined ? [] : [flag, String(given)];
  const when = (given: boolean | undefined, flag: string) => given === true ? [flag] : [];
  const pairs = (flag: string, given: Readonly<Record<string, string>>) =>
    Object.entries(given).flatMap(([key, each]) => [flag, key, each]);
  const { generateHardwareConfig: hardware } = options;
  const boots = phases.includes("kexec");
  return [
    ...value("--flake", options.flake),
    ...(options.storePaths === undefined ? [] : ["--store-paths", ...options.storePaths]),
    ...value("--target-host", host && withoutBrackets(host.target)),
    ...value("--ssh-port", host?.port),
    ...value("-i", host?.identityFile),
    ...(host?.sshOptions ?? []).flatMap((option) => ["--ssh-option", option]),
    ...(phases.length === installPhases.length ? [] : ["--phases", phases.join(",")]),
    ...(boots ? value("--kexec", options.kexec) : []),
    // The program swallows the argument after --force-kexec, whatever it is: so it is given twice.
    ...(boots && options.forceKexec === true ? ["--force-kexec", "--force-kexec"] : []),
    ...(boots ? value("--kexec-extra-flags", options.kexecExtraFlags) : []),
    ...(boots ? value("--post-kexec-ssh-port", options.postKexecSshPort) : []),
    ...when(options.password !== undefined, "--env-password"),
    ...pairs("--ssh-store-setting", sshStoreSettings),
    ...when(options.copyHostKeys, "--copy-host-keys"),
    ...value("--extra-files", options.extraFiles),
    ...pairs("--chown", chown),
    ...Object.keys(diskEncryptionKeys).flatMap((
      path,
    ) => ["--disk-encryption-keys", path, keyFileOf(path)]),
    ...when(options.substituteOnDestination === false, "--no-substitute-on-destination"),
    ...when(options.useMachineSubstituters === false, "--no-use-machine-substituters"),
    ...pairs("--option", nixOptions),
    ...value("--from", options.from),
    ...value("--build-on", options.buildOn),
    ...value("--disko-mode", options.diskoMode),
    ...when(options.diskoDeps === false, "--no-disko-deps"),
    ...(hardware === undefined
      ? []
      : ["--generate-hardware-config", hardware.backend, hardware.path]),
    ...when(options.printBuildLogs, "--print-build-logs"),
    ...when(options.debug, "--debug"),
    ...when(options.showTrace, "--show-trace"),
    ...when(options.vmTest, "--vm-test"),
  ];
}

/**
 * Checks the options; gives the phases in their order.
 *
 * @throws {UsageError} naming the option that cannot be meant
 */
export function checkInstallOptions(options: NixosAnywhereOptions): InstallPhase[] {
  checkOptions(options, {});
  const { flake, storePaths, target, vmTest = false, kexec, stage = false } = options;
  const refuse = (what: string, state: string, hint?: string): never => {
    throw new UsageError(`Cannot use ${what}: ${state}`, hint === undefined ? {} : { hint });
  };
  if ((flake === undefined) === (storePaths === undefined)) {
    refuse(
      flake === undefined ? "nixosAnywhere()" : `the flake ${JSON.stringify(flake)}`,
      flake === undefined ? "neither a flake nor storePaths is given" : "storePaths is given too",
      flake === undefined
        ? "give --flake .#NAME, or --store-path twice"
        : "leave out one of the two",
    );
  }
  if (flake !== undefined && !/^[^\0\n]+#[^\0\n#"]+$/.test(flake)) {
    refuse(`the flake ${JSON.stringify(flake)}`, "it names no system", "write it as .#web1");
  }
  for (const path of storePaths ?? []) {
    if (!path.startsWith("/")) {
      refuse(`the store path ${JSON.stringify(path)}`, "it is not absolute");
    }
  }
  if (target !== undefined) checkSshTarget({ ...options, target });
  else if (!vmTest) refuse("nixosAnywhere()", "no target is given", "give --target root@HOST");
  if (options.postKexecSshPort !== undefined) checkPort(options.postKexecSshPort);
  if (kexec !== undefined && compressionOfName(kexec) === undefined) {
    refuse(
      `the kexec bundle ${JSON.stringify(kexec)}`,
      "nixos-anywhere goes by its suffix, and it has none that is known",
      `its name ends in ${tarballSuffixes.join(", ")}`,
    );
  }
  const phases = checkPhases(options.phases ?? installPhases);
  if (stage && kexec === undefined) refuse("stage", "no kexec bundle is given to be staged");
  if (stage && !phases.includes("kexec")) refuse("stage", "the phase kexec is left out");
  if (stage && (options.password !== undefined || options.sshPrivateKey !== undefined)) {
    refuse(
      "stage",
      "a bundle is staged by a login with a key file or an agent",
      "leave out stage, or use identityFile",
    );
  }
  if (options.diskoMode !== undefined && storePaths !== undefined) {
    refuse(`the disko mode ${options.diskoMode}`, "storePaths names the disko script already");
  }
  if (vmTest) checkVmTest(options, refuse);
  if (options.revision !== undefined && !/^[\w][\w./-]*$/.test(options.revision)) {
    refuse(
      `the revision ${JSON.stringify(options.revision)}`,
      "it is not a revision, tag or branch",
    );
  }
  checkTexts(options, refuse);
  return phases;
}

type Refuse = (what: string, state: string, hint?: string) => never;

function checkPhases(given: readonly InstallPhase[]): InstallPhase[] {
  const unknown = given.find((phase) => !installPhases.includes(phase));
  if (unknown !== undefined || given.length === 0) {
    throw new UsageError(
      unknown === undefined
        ? "Cannot install: no phase is given"
        : `Cannot use the phase ${JSON.stringify(unknown)}: there is none of that name`,
      { hint: `phases are ${installPhases.join(", ")}` },
    );
  }
  return installPhases.filter((phase) => given.includes(phase));
}

function checkVmTest(options: NixosAnywhereOptions, refuse: Refuse): void {
  const { storePaths, extraFiles, diskEncryptionKeys, generateHardwareConfig, stage } = options;
  const others = { storePaths, extraFiles, diskEncryptionKeys, generateHardwareConfig };
  for (const [name, given] of Object.entries(others)) {
    if (given !== undefined) refuse("vmTest", `it does not go with ${name}`);
  }
  if (options.buildOn === "remote") refuse("vmTest", "it does not go with buildOn remote");
  if (stage) refuse("vmTest", "it does not go with stage");
}

/** A value with a NUL cannot be passed to a program, and an empty key would shift the arguments' meaning. */
function checkTexts(options: NixosAnywhereOptions, refuse: Refuse): void {
  const { chown = {}, diskEncryptionKeys = {}, sshStoreSettings = {}, nixOptions = {} } = options;
  for (const [name, map] of Object.entries({ chown, sshStoreSettings, nixOptions })) {
    for (const [key, value] of Object.entries(map)) {
      if (key === "" || /\0/.test(key + value)) refuse(name, `${JSON.stringify(key)} is not a key`);
    }
  }
  for (const [path, key] of Object.entries(diskEncryptionKeys)) {
    // The program writes this path into a command of a shell there, unquoted.
    if (!/^\/[\w./+@:-]*$/.test(path)) {
      refuse(`the key path ${JSON.stringify(path)}`, "it is not a plain absolute path");
    }
    if (typeof key === "string" && key === "") refuse(`the key for ${path}`, "its file is empty");
  }
  const { extraFiles, kexecExtraFlags, from, program } = options;
  for (const [name, text] of Object.entries({ extraFiles, kexecExtraFlags, from, program })) {
    if (text !== undefined && (text === "" || text.includes("\0"))) {
      refuse(`${name} ${JSON.stringify(text)}`, "it is not a text for a command line");
    }
  }
}
