import { defined } from "../../lib/base/defined.ts";
import { UsageError } from "../../lib/base/errors.ts";
import { arg } from "../../lib/runner/arg_builder.ts";
import type { ArgsOf } from "../../lib/runner/arg.ts";
import { task } from "../../lib/runner/task.ts";
import { cacheKexec } from "../kexec/kexec.ts";
import { installQuestion, nixosAnywhere } from "../install/nixos_anywhere.ts";
import { checkInstallOptions, installPhases } from "../install/nixos_anywhere_flags.ts";
import type { NixosAnywhereOptions } from "../install/nixos_anywhere_options.ts";
import { targetArchitecture } from "../install/stage_kexec.ts";

const pair = (placeholder: string) =>
  arg.string({ description: "A pair", placeholder, pattern: /[^=]+=.+/s });

const connection = "Connection";
const boot = "Boot of the installer";
const installed = "New system";
const building = "Nix and the program";

const port = (description: string) =>
  arg.number({ description, integer: true, min: 1, max: 65535, group: connection });

const args = {
  flake: arg.string({
    description: "The system to install: a flake and the name of its configuration",
    placeholder: "FLAKE#NAME",
    example: ".#web1",
  }),
  storePath: arg.list(arg.path({ description: "A store path" }), {
    description: "Instead of a flake, given twice: the built disko script, then the built system",
    max: 2,
  }),
  target: arg.string({
    description: "The host to install; not needed with --vm-test",
    placeholder: "USER@HOST",
    example: "root@web1.acme.dev",
  }),
  kexec: arg.path({
    description: "The kexec bundle, a file",
    group: boot,
    defaultText: "the release in the cache",
  }),
  stage: arg.boolean({
    description: "Let kedge copy the bundle to the host, only what is missing, and boot it",
    group: boot,
  }),
  remoteFolder: arg.string({
    description: "The folder on the host for a staged bundle",
    group: boot,
    defaultText: "kexec in the home folder",
  }),
  bootTimeout: arg.duration({
    description: "How long a staged installer may take to answer",
    group: boot,
    defaultText: "10m",
  }),
  phases: arg.list(arg.enum(installPhases, { description: "A phase" }), {
    description: "A phase that is run",
    defaultText: "all four",
  }),
  sshPort: port("The ssh port"),
  identityFile: arg.path({ description: "The file of the private ssh key", group: connection }),
  sshOption: arg.list(arg.string({ description: "An option", placeholder: "NAME=VALUE" }), {
    description: "An option of ssh, as in ssh_config",
    group: connection,
  }),
  knownHosts: arg.path({
    description: "The file of known host keys, for logins of kedge itself",
    group: connection,
  }),
  acceptNewHostKey: arg.boolean({
    description: "Accept the host key of a host that is not known",
    group: connection,
  }),
  postKexecSshPort: port("The ssh port of the installer"),
  passwordEnv: arg.string({
    description: "The environment variable with the password of the first login",
    placeholder: "NAME",
    group: connection,
  }),
  passwordFile: arg.path({
    description: "The file with the password of the first login",
    group: connection,
  }),
  forceKexec: arg.boolean({
    description: "Boot the installer even if the host runs it already",
    group: boot,
  }),
  kexecExtraFlags: arg.string({ description: "More flags of kexec", group: boot }),
  copyHostKeys: arg.boolean({
    description: "Keep the ssh host keys of the running system",
    group: installed,
  }),
  extraFiles: arg.path({
    description: "A folder whose contents are copied to / of the new system",
    group: installed,
  }),
  chown: arg.list(pair("PATH=OWNER"), {
    description: "The owner of a path of the new system",
    group: installed,
  }),
  diskEncryptionKey: arg.list(pair("REMOTE=LOCAL"), {
    description: "The encryption key of a disk: its path on the host, and the file here",
    group: installed,
  }),
  sshStoreSetting: arg.list(pair("KEY=VALUE"), {
    description: "A setting of the store that Nix reaches over ssh",
    group: building,
  }),
  withoutSubstitutesOnDestination: arg.boolean({
    description: "Copy everything from here: the host downloads nothing itself",
    group: building,
  }),
  withoutMachineSubstituters: arg.boolean({
    description: "Do not use the substituters of the new system in the installer",
    group: building,
  }),
  option: arg.list(pair("KEY=VALUE"), {
    description: "An option of every Nix command",
    group: building,
  }),
  from: arg.string({
    description: "The store that the closures are copied from",
    placeholder: "STORE",
    group: building,
  }),
  buildOn: arg.enum(["auto", "remote", "local"], {
    description: "Where the system is built",
    group: building,
    defaultText: "auto",
  }),
  diskoMode: arg.enum(["disko", "mount", "format"], {
    description: "What disko does with the disks",
    group: installed,
    defaultText: "disko",
  }),
  withoutDiskoDeps: arg.boolean({
    description: "Do not copy the tools that disko uses",
    group: installed,
  }),
  hardwareFacter: arg.path({
    description: "Write the report of nixos-facter to this file",
    group: installed,
  }),
  hardwareConfig: arg.path({
    description: "Write the configuration of nixos-generate-config to this file",
    group: installed,
  }),
  vmTest: arg.boolean({
    description: "Test the system in a virtual machine on this machine; no host is touched",
  }),
  printBuildLogs: arg.boolean({ description: "Print the build logs in full", group: building }),
  debug: arg.boolean({
    description: "Let nixos-anywhere print each of its commands",
    group: building,
  }),
  showTrace: arg.boolean({ description: "Show a trace with errors of Nix", group: building }),
  program: arg.path({
    description: "The program nixos-anywhere",
    group: building,
    defaultText: "the one on PATH, else by nix run",
  }),
  revision: arg.string({
    description: "The revision or tag of nixos-anywhere that nix run uses",
    group: building,
  }),
};

/** `nixos-anywhere`. */
export const nixosAnywhereTask = task({
  name: "nixos-anywhere",
  description: "Install NixOS on a host over ssh; erases its disks",
  group: "machines",
  args,
  confirm: (given) => {
    const options = optionsOf(given);
    // Nobody is asked about what is refused then.
    checkInstallOptions({ ...options, kexec: options.kexec ?? unfetched });
    return installQuestion(options);
  },
  run: async ({ args: given, ...ctx }) => {
    const options = optionsOf(given);
    const { target, kexec, vmTest, password, phases } = options;
    const boots = !vmTest && (phases === undefined || phases.includes("kexec"));
    if (kexec !== undefined || !boots || target === undefined || password !== undefined) {
      return await nixosAnywhere(options, ctx);
    }
    const { checkInstall } = await import("../install/nixos_anywhere_install.ts");
    await checkInstall({ ...options, kexec: unfetched }, ctx);
    const arch = await targetArchitecture({ ...options, target }, ctx);
    return await nixosAnywhere({ ...options, kexec: (await cacheKexec({ arch }, ctx)).path }, ctx);
  },
});

/** Stands for the bundle of the cache as long as it is not known which. */
const unfetched = "bundle.tar.gz";

function optionsOf(given: ArgsOf<typeof args>): NixosAnywhereOptions {
  const { storePath, sshPort, sshOption, hardwareFacter, hardwareConfig, chown, ...rest } = given;
  const password = given.passwordEnv !== undefined
    ? { env: given.passwordEnv }
    : given.passwordFile !== undefined
    ? { file: given.passwordFile }
    : undefined;
  const hardware = hardwareFacter !== undefined
    ? { backend: "nixos-facter" as const, path: hardwareFacter }
    : hardwareConfig !== undefined
    ? { backend: "nixos-generate-config" as const, path: hardwareConfig }
    : undefined;
  return {
    ...defined(rest),
    ...defined({
      port: sshPort,
      sshOptions: sshOption,
      password,
      generateHardwareConfig: hardware,
      storePaths: storePathsOf(storePath),
      chown: recordOf(chown),
      diskEncryptionKeys: recordOf(given.diskEncryptionKey),
      sshStoreSettings: recordOf(given.sshStoreSetting),
      nixOptions: recordOf(given.option),
    }),
    substituteOnDestination: !given.withoutSubstitutesOnDestination,
    useMachineSubstituters: !given.withoutMachineSubstituters,
    diskoDeps: !given.withoutDiskoDeps,
  };
}

function recordOf(pairs: readonly string[] | undefined): Record<string, string> | undefined {
  return pairs === undefined ? undefined : Object.fromEntries(pairs.map((each) => {
    const at = each.indexOf("=");
    return [each.slice(0, at), each.slice(at + 1)];
  }));
}

function storePathsOf(paths: readonly string[] | undefined): [string, string] | undefined {
  if (paths === undefined) return undefined;
  const [diskoScript, nixosSystem] = paths;
  if (diskoScript !== undefined && nixosSystem !== undefined) return [diskoScript, nixosSystem];
  throw new UsageError(
    "Cannot use one --store-path: give it twice, first the disko script, then the system",
  );
}
