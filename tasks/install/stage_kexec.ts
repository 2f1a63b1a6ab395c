import type { Digest } from "../../lib/base/digest.ts";
import type { KexecArchitecture } from "../../lib/kexec/architecture.ts";
import type { Figures } from "../../lib/operation/figures.ts";
import type { TaskContextOptions } from "../../lib/runner/context.ts";
import type { SshTarget } from "../../lib/ssh/ssh_target.ts";

/** Options of {@linkcode stageKexec}. */
export interface StageKexecOptions extends SshTarget {
  /** The kexec bundle: a tarball whose name ends in `.tar.gz`, `.tar.xz`, `.tar.zst` or `.tar`. */
  bundle: string;
  /** Whether the host is booted into the installer; otherwise the bundle is only brought there. @default {true} */
  boot?: boolean | undefined;
  /** Whether a host that runs the installer already is booted again. @default {false} */
  force?: boolean | undefined;
  /** Further flags of `kexec`: `--no-sync`. */
  kexecExtraFlags?: string | undefined;
  /** The ssh port of the installer. @default {22 where `port` is given, else what ssh's configuration says} */
  postKexecSshPort?: number | undefined;
  /** The folder on the host, an absolute path. @default {"kexec" in the user's home folder there} */
  remoteFolder?: string | undefined;
  /** How long the installer may take to answer: milliseconds, or a text such as `"10m"`. @default {"10m"} */
  bootTimeout?: number | string | undefined;
}

/** What {@linkcode stageKexec} gives. */
export interface StageKexecResult extends Figures {
  /** The host. */
  target: string;
  /** Where the bundle is there; absent in a dry run before the bundle is fetched, where its digest is not known. */
  path?: string;
  /** Its digest; absent like the path. */
  digest?: Digest;
  /** Its size in bytes; 0 in a dry run before the bundle is fetched, where it is not known. */
  size: number;
  /** The machine that it is for; absent in a dry run before the bundle is fetched. */
  architecture?: KexecArchitecture;
  /** Whether the host was booted into the installer by this call. */
  booted: boolean;
  /** What `uname -r` says there now; in a dry run, and where nothing was booted, what it said before. */
  release?: string;
}

/**
 * Brings a kexec bundle to a host over ssh, only the part that is not there yet, and boots the host into the installer.
 *
 * An interrupted upload goes on where it stopped; what is there already is trusted by its digest, for which the host has one of
 * `sha256sum`, `shasum`, `openssl` and `busybox`. `kexec/run` is then run as
 * nixos-anywhere runs it, and the call returns once the host answers with another boot id, as the installer. A host that runs the
 * installer is left as it is. The disks of the host are not touched, but what runs there ends: this asks nobody.
 *
 * A dry run asks the host too. A bundle that is still to be fetched is planned with the size and the digest that `cacheKexec()` foresaw in a
 * dry run before; where it could not, the bytes are `Infinity`.
 *
 * @throws {UsageError} if an option is malformed, there is no such bundle, or no remote may be asked
 * @throws {VerificationError} if the bundle is no bundle, is for another machine, or arrived damaged
 * @throws {NotAllowedError} if the host refuses the login, or the user cannot become root
 * @throws {UnreachableError} if the host is not reached, or the connection breaks
 * @throws {NoRoomError} if the host's disk has no room
 * @throws {TimedOutError} if the installer did not answer in time
 * @throws {KedgeError} if the host lacks a program that this takes
 *
 * @example
 * ```ts
 * import { cacheKexec, stageKexec } from "@kedge/kedge";
 *
 * async function bringTo(targets: readonly string[]): Promise<void> {
 *   const { path } = await cacheKexec({ arch: "x86_64-linux" });
 *   for (const target of targets) await stageKexec({ target, bundle: path, boot: false });
 * }
 * ```
 */
export async function stageKexec(
  options: StageKexecOptions,
  ctx: TaskContextOptions = {},
): Promise<StageKexecResult> {
  const { runStageKexec } = await import("./stage_kexec_operation.ts");
  return await runStageKexec(options, ctx);
}

/**
 * Asks a host over ssh for which machine a kexec bundle for it must be (`uname -m`).
 *
 * @throws {UsageError} if the target is malformed, or no remote may be asked
 * @throws {NotAllowedError} if the host refuses the login, or its key is not the known one
 * @throws {UnreachableError} if the host is not reached
 * @throws {KedgeError} if there are no bundles for its machine
 *
 * @example
 * ```ts
 * import { cacheKexec, type CacheKexecResult, targetArchitecture } from "@kedge/kedge";
 *
 * async function bundleFor(target: string): Promise<CacheKexecResult> {
 *   return await cacheKexec({ arch: await targetArchitecture({ target }) });
 * }
 * ```
 */
export async function targetArchitecture(
  target: SshTarget,
  ctx: TaskContextOptions = {},
): Promise<KexecArchitecture> {
  const { runTargetArchitecture } = await import("./ask_architecture.ts");
  return await runTargetArchitecture(target, ctx);
}
