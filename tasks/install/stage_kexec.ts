import type { Digest } from "../../lib/base/digest.ts";
import type { KexecArchitecture } from "../../lib/kexec/architecture.ts";
import type { Figures } from "../../lib/operation/figures.ts";
import type { TaskContextOptions } from "../../lib/runner/context.ts";
import type { SshTarget } from "../../lib/ssh/ssh_target.ts";

/** Options of {@linkcode stageKexec}. */
export interface StageKexecOptions extends SshTarget {
  /** The kexec bundle: a tarball whose name ends in `.tar.gz`, `.tar.xz`, `.tar.zst` or `.tar`. */
  bundle: string;
  /** Whether the host is booted into the installer; otherwise the bundle is only copied there. @default {true} */
  boot?: boolean | undefined;
  /** Whether a host that already runs the installer is booted again. @default {false} */
  force?: boolean | undefined;
  /** Further flags for `kexec`, such as `--no-sync`. */
  kexecExtraFlags?: string | undefined;
  /** The ssh port of the installer. @default {22 if `port` is given, else that of ssh's configuration} */
  postKexecSshPort?: number | undefined;
  /** The folder on the host, an absolute path. @default {"kexec" in the user's home folder there} */
  remoteFolder?: string | undefined;
  /** How long the installer may take until it answers: milliseconds, or a text such as `"10m"`. @default {"10m"} */
  bootTimeout?: number | string | undefined;
}

/** What {@linkcode stageKexec} gives. */
export interface StageKexecResult extends Figures {
  /** The host. */
  target: string;
  /** The bundle's path on the host; absent in a dry run if the bundle is not in the cache yet and its digest is not known. */
  path?: string;
  /** Its digest; absent in the same case. */
  digest?: Digest;
  /** Its size in bytes; 0 in a dry run if it is not known. */
  size: number;
  /** The architecture that it is for; absent in a dry run if the bundle is not in the cache yet. */
  architecture?: KexecArchitecture;
  /** Whether the host was booted into the installer by this call. */
  booted: boolean;
  /** The host's kernel release (`uname -r`) afterwards; in a dry run, or if nothing was booted, the one before. */
  release?: string;
}

/**
 * Copies a kexec bundle to a host over ssh, only the part that is missing there, and boots the host into the installer.
 *
 * An interrupted upload resumes. What the host has already is hashed there; the host needs one of `sha256sum`, `shasum`, `openssl` and
 * `busybox` for that. Then `kexec/run` is run as nixos-anywhere runs it, and the call returns once the host answers as the installer, with
 * another boot id. A host that already runs the installer is left as it is. The host's disks are not touched, but everything that runs
 * there ends, without a question.
 *
 * A dry run connects to the host too. If the bundle is not in the cache yet, it is planned with the size and the digest that a dry run of
 * `cacheKexec()` found before; without these, `bytesMoved` is `Infinity`.
 *
 * @throws {UsageError} if an option is malformed, the bundle does not exist, or the context is offline
 * @throws {VerificationError} if the file is not a kexec bundle, is for another architecture, or arrived damaged
 * @throws {NotAllowedError} if the host refuses the login, or the user cannot become root
 * @throws {UnreachableError} if the host cannot be reached, or the connection breaks
 * @throws {NoRoomError} if the host's disk has no room
 * @throws {TimedOutError} if the installer did not answer in time
 * @throws {KedgeError} if the host lacks a program that is needed
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
 * Asks a host over ssh for its architecture (`uname -m`), which its kexec bundle must be built for.
 *
 * @throws {UsageError} if the target is malformed, or the context is offline
 * @throws {NotAllowedError} if the host refuses the login, or its host key is not the known one
 * @throws {UnreachableError} if the host cannot be reached
 * @throws {KedgeError} if there are no bundles for its architecture
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
