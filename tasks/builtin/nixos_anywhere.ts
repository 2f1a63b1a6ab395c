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

const args = {
  flake: arg.string({
    description: "The system to install",
    placeholder: "FLAKE#NAME",
    example: ".#web1",
  }),
  storePath: arg.list(arg.path({ description: "A store path" }), {
    description: "In place of a flake, twice: the built disko script, the built system",
    max: 2,
  }),
  target: arg.string({
    description: "The host; left out with --vm-test alone",
    placeholder: "USER@HOST",
    example: "root@web1.acme.dev",
  }),
  kexec: arg.path({ description: "A kexec bundle; the one of the cache without it" }),
  stage: arg.boolean({ description: "Bring the bundle there and boot it, only what is missing" }),
  remoteFolder: arg.string({ description: "The folder on the host for a staged bundle" }),
  bootTimeout: arg.duration({ description: "How long a staged installer may take to answer" }),
  phases: arg.list(arg.enum(installPhases, { description: "A phase" }), {
    description: "What is done; all four without it",
  }),
  sshPort: arg.number({ description: "The ssh port", integer: true, min: 1, max: 65535 }),
  identityFile: arg.path({ description: "The private key" }),
  sshOption: arg.list(arg.string({ description: "An option", placeholder: "NAME=VALUE" }), {
    description: "An option as in ssh_config",
  }),
  knownHosts: arg.path({ description: "The known host keys, where kedge itself logs in" }),
  acceptNewHostKey: arg.boolean({ description: "Take the key of a host that is not known" }),
  postKexecSshPort: arg.number({
    description: "The ssh port of the installer",
    integer: true,
    min: 1,
    max: 65535,
  }),
  passwordEnv: arg.string({ description: "The variable that holds the first login's password" }),
  passwordFile: arg.path({ description: "The file that holds the first login's password" }),
  forceKexec: arg.boolean({ description: "Boot again where the installer runs already" }),
  kexecExtraFlags: arg.string({ description: "Further flags of kexec" }),
  copyHostKeys: arg.boolean({ description: "Keep the host keys of the running system" }),
  extraFiles: arg.path({ description: "A folder that is copied to / of the new system" }),
  chown: arg.list(pair("PATH=OWNER"), { description: "The owner of a path of the new system" }),
  diskEncryptionKey: arg.list(pair("REMOTE=LOCAL"), {
    description: "The file of a disk's key, by its path there",
  }),
  sshStoreSetting: arg.list(pair("KEY=VALUE"), { description: "A setting of the ssh store" }),
  withoutSubstitutesOnDestination: arg.boolean({
    description: "Let the host fetch nothing itself",
  }),
  withoutMachineSubstituters: arg.boolean({
    description: "Do not use the system's own substituters in the installer",
  }),
  option: arg.list(pair("KEY=VALUE"), { description: "An option of every Nix command" }),
  from: arg.string({ description: "The store from which the closures are copied" }),
  buildOn: arg.enum(["auto", "remote", "local"], { description: "Where is built" }),
  diskoMode: arg.enum(["disko", "mount", "format"], { description: "What becomes of the disks" }),
  withoutDiskoDeps: arg.boolean({ description: "Do not send disko's tools along" }),
  hardwareFacter: arg.path({ description: "Have nixos-facter's report written there" }),
  hardwareConfig: arg.path({ description: "Have nixos-generate-config's file written there" }),
  vmTest: arg.boolean({ description: "Test the system in a virtual machine here instead" }),
  printBuildLogs: arg.boolean({ description: "Print whole build logs" }),
  debug: arg.boolean({ description: "Tell each step" }),
  showTrace: arg.boolean({ description: "Show a trace with Nix's errors" }),
  program: arg.path({ description: "The program; the one on PATH, else nix run, without it" }),
  revision: arg.string({ description: "The revision for nix run" }),
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
  throw new UsageError("Cannot use --store-path once: it names the disko script, then the system");
}
