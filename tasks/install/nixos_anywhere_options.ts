import type { SecretSource } from "../../lib/runner/secrets.ts";
import type { SshTarget } from "../../lib/ssh/ssh_target.ts";

/** What nixos-anywhere does, in this order. */
export type InstallPhase = "kexec" | "disko" | "install" | "reboot";

/** A file that nixos-anywhere writes about the host's hardware. */
export interface GenerateHardwareConfig {
  /** Which program writes it. */
  backend: "nixos-facter" | "nixos-generate-config";
  /** Where it goes, here. */
  path: string;
}

/** Options of `nixosAnywhere()`: those of the program, typed, and how kedge goes about it. */
export interface NixosAnywhereOptions extends Omit<SshTarget, "target"> {
  /** The system that is installed: `.#web1`. Either this or `storePaths` is given. */
  flake?: string | undefined;
  /** The built disko script and the built system, in the store, instead of a flake. */
  storePaths?: readonly [diskoScript: string, nixosSystem: string] | undefined;
  /** The host: `root@web1.acme.dev`. Left out only with `vmTest`. */
  target?: string | undefined;
  /** The kexec bundle, a file; without it the program fetches one of its own. */
  kexec?: string | undefined;
  /** Whether kedge itself copies the bundle to the host (resumable, verified) and boots it, instead of the program. @default {false} */
  stage?: boolean | undefined;
  /** The folder on the host for a staged bundle, an absolute path. @default {"kexec" in the user's home folder there} */
  remoteFolder?: string | undefined;
  /** How long a staged installer may take until it answers: milliseconds, or a text such as `"10m"`. @default {"10m"} */
  bootTimeout?: number | string | undefined;
  /** The phases that are run. @default {all four} */
  phases?: readonly InstallPhase[] | undefined;
  /** Whether a host that runs the installer already is booted again. @default {false} */
  forceKexec?: boolean | undefined;
  /** Further flags for `kexec`, such as `--no-sync`. */
  kexecExtraFlags?: string | undefined;
  /** The ssh port of the installer. @default {22; with `stage` and without `port`, what ssh's configuration says} */
  postKexecSshPort?: number | undefined;
  /** The password for the first login; it is passed in the environment. */
  password?: SecretSource | undefined;
  /** A private key; it is passed in the environment. */
  sshPrivateKey?: SecretSource | undefined;
  /** Settings of the store that is reached by ssh: `{ compress: "true" }`, values URI-encoded. */
  sshStoreSettings?: Readonly<Record<string, string>> | undefined;
  /** Whether the host keys of the running system are kept. @default {false} */
  copyHostKeys?: boolean | undefined;
  /** A folder whose contents are copied to `/` of the new system. */
  extraFiles?: string | undefined;
  /** Owners of paths of the new system: `{ "/home/ada": "1000:100" }`. */
  chown?: Readonly<Record<string, string>> | undefined;
  /** Keys of encrypted disks, by their path on the host: a file here, or a secret, which is put into a temporary file. */
  diskEncryptionKeys?: Readonly<Record<string, string | SecretSource>> | undefined;
  /** Whether the host fetches from substituters what it can. @default {true} */
  substituteOnDestination?: boolean | undefined;
  /** Whether the installer uses the substituters of the new system. @default {true} */
  useMachineSubstituters?: boolean | undefined;
  /** Nix options of every Nix command: `{ cores: "4" }`. */
  nixOptions?: Readonly<Record<string, string>> | undefined;
  /** The store from which the closures are copied. */
  from?: string | undefined;
  /** Where the system is built. @default {"auto"} */
  buildOn?: "auto" | "remote" | "local" | undefined;
  /** What disko does with the disks. @default {"disko"} */
  diskoMode?: "disko" | "mount" | "format" | undefined;
  /** Whether disko's tools are sent along. @default {true} */
  diskoDeps?: boolean | undefined;
  /** Generates a description of the host's hardware. */
  generateHardwareConfig?: GenerateHardwareConfig | undefined;
  /** Whether whole build logs are printed. @default {false} */
  printBuildLogs?: boolean | undefined;
  /** Whether the program prints each command that it runs. @default {false} */
  debug?: boolean | undefined;
  /** Whether Nix's errors come with a trace. @default {false} */
  showTrace?: boolean | undefined;
  /** Builds the system and tests it in a virtual machine here; no host is touched. @default {false} */
  vmTest?: boolean | undefined;
  /** The program. @default {nixos-anywhere on PATH, else `nix run`} */
  program?: string | undefined;
  /** The revision or tag for `nix run`; with it, PATH is not searched. */
  revision?: string | undefined;
  /** Called before anything is done, with a question that names host and system; the installation starts only on `true`. @default {no question} */
  confirm?: ((question: string) => boolean | Promise<boolean>) | undefined;
}
