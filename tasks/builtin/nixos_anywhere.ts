import { defined } from "../../lib/base/defined.ts";
import { UsageError } from "../../lib/base/errors.ts";
import { arg } from "../../lib/runner/arg_builder.ts";
import { task } from "../../lib/runner/task.ts";
import { cacheKexec } from "../kexec.ts";
import { installQuestion, nixosAnywhere } from "../nixos_anywhere.ts";
import { installPhases } from "../nixos_anywhere_flags.ts";
import { targetArchitecture } from "../stage_kexec.ts";

const pair = (what: string) => arg.string({ description: what, pattern: /[^=]+=.+/s });

/** `nixos-anywhere`. */
export const nixosAnywhereTask = task({
  name: "nixos-anywhere",
  description: "Install NixOS on a host over ssh; erases its disks",
  group: "machines",
  args: {
    flake: arg.string({ description: "The system to install", example: ".#web1" }),
    storePath: arg.list(arg.path({ description: "A store path" }), {
      description: "In place of a flake, twice: the built disko script, the built system",
      max: 2,
    }),
    target: arg.string({
      description: "The host; left out with --vm-test alone",
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
    sshOption: arg.list(arg.string({ description: "NAME=VALUE" }), {
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
  },
  confirm: ({ flake, storePath, target, phases, diskoMode, vmTest }) =>
    installQuestion(
      defined({ flake, storePaths: storePathsOf(storePath), target, phases, diskoMode, vmTest }),
    ),
  run: async ({ args, ...ctx }) => {
    const { storePath, sshPort, sshOption, hardwareFacter, hardwareConfig, chown, ...rest } = args;
    const access = defined({
      port: sshPort,
      identityFile: args.identityFile,
      knownHosts: args.knownHosts,
      acceptNewHostKey: args.acceptNewHostKey,
      sshOptions: sshOption,
    });
    const password = args.passwordEnv !== undefined
      ? { env: args.passwordEnv }
      : args.passwordFile !== undefined
      ? { file: args.passwordFile }
      : undefined;
    const hardware = hardwareFacter !== undefined
      ? { backend: "nixos-facter" as const, path: hardwareFacter }
      : hardwareConfig !== undefined
      ? { backend: "nixos-generate-config" as const, path: hardwareConfig }
      : undefined;
    const options = {
      ...defined(rest),
      ...access,
      ...defined({ password, generateHardwareConfig: hardware }),
      ...defined({
        storePaths: storePathsOf(storePath),
        chown: recordOf(chown),
        diskEncryptionKeys: recordOf(args.diskEncryptionKey),
        sshStoreSettings: recordOf(args.sshStoreSetting),
        nixOptions: recordOf(args.option),
      }),
      substituteOnDestination: !args.withoutSubstitutesOnDestination,
      useMachineSubstituters: !args.withoutMachineSubstituters,
      diskoDeps: !args.withoutDiskoDeps,
    };
    const { target } = args;
    const boots = !args.vmTest && (args.phases === undefined || args.phases.includes("kexec"));
    if (args.kexec !== undefined || !boots || target === undefined || password !== undefined) {
      return await nixosAnywhere(options, ctx);
    }
    const { checkInstall } = await import("../nixos_anywhere_install.ts");
    await checkInstall({ ...options, kexec: "bundle.tar.gz" }, ctx);
    const arch = await targetArchitecture({ ...access, target }, ctx);
    return await nixosAnywhere({ ...options, kexec: (await cacheKexec({ arch }, ctx)).path }, ctx);
  },
});

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
