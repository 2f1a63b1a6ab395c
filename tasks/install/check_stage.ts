/**
 * What must hold before a bundle is brought to a host.
 *
 * @module
 */
import { checkOptions } from "../../lib/base/check_options.ts";
import { formatBytes } from "../../lib/base/bytes.ts";
import { parseDuration } from "../../lib/base/duration.ts";
import {
  KedgeError,
  NoRoomError,
  NotAllowedError,
  UsageError,
  VerificationError,
} from "../../lib/base/errors.ts";
import { architectureOfMachine } from "../../lib/kexec/architecture.ts";
import type { BundleContents } from "../../lib/kexec/bundle_contents.ts";
import {
  compressionOfName,
  type TarballCompression,
  tarballSuffixes,
} from "../../lib/kexec/tarball_compression.ts";
import type { RemoteState } from "../../lib/ssh/remote_file.ts";
import { checkPort, checkSshTarget } from "../../lib/ssh/ssh_target.ts";
import type { StageKexecOptions } from "./stage_kexec.ts";
import type { TargetFacts } from "./target_facts.ts";

/** What is known of a host and a bundle before anything moves. */
export interface StageFacts {
  /** The host. */
  facts: TargetFacts;
  /** What is there of the bundle. */
  state: Pick<RemoteState, "presentBytes" | "freeBytes">;
  /** What is in the bundle; absent before it is fetched. */
  contents?: BundleContents;
  /** Its size in bytes. */
  size: number;
  /** Whether it is to be booted. */
  boot: boolean;
}

/** The options with their defaults. */
export interface CheckedStage {
  /** Whether the host is booted. */
  boot: boolean;
  /** Whether that is done even where the installer runs. */
  force: boolean;
  /** How long the installer may take to answer, in milliseconds. */
  bootTimeoutMs: number;
  /** How the bundle is packed. */
  compression: TarballCompression;
}

/**
 * Checks that a host can take the bundle and boot it.
 *
 * @throws {VerificationError} if the bundle is for another machine
 * @throws {NoRoomError} if the host's disk has no room
 * @throws {NotAllowedError} if the user there cannot become root
 * @throws {KedgeError} if a program is missing there
 */
export function checkHost({ target, bundle }: StageKexecOptions, known: StageFacts): void {
  const { facts, state, contents, size, boot } = known;
  if (
    contents !== undefined && architectureOfMachine(facts.machine) !== contents.architecture
  ) {
    throw new VerificationError(
      `Cannot boot "${target}" with "${bundle}": the bundle is for ${contents.architecture}, ` +
        `the host a ${facts.machine}`,
      { data: { expected: facts.machine, actual: contents.architecture } },
    );
  }
  const needed = size - state.presentBytes + (boot ? contents?.unpackedBytes ?? 0 : 0);
  if (state.freeBytes !== undefined && state.freeBytes < needed) {
    throw new NoRoomError(
      `Cannot send "${bundle}" to "${target}": it takes ${formatBytes(needed)} there, ` +
        `${formatBytes(state.freeBytes)} are free`,
      { hint: "name a folder on another disk as the remote folder", side: "destination" },
    );
  }
  if (!boot) return;
  if (facts.missing.length > 0) {
    throw new KedgeError(`Cannot boot "${target}": it lacks ${facts.missing.join(", ")}`, {
      hint: "install what is missing there",
      side: "destination",
    });
  }
  if (facts.asRoot === undefined) {
    throw new NotAllowedError(
      `Cannot boot "${target}": the user there cannot become root without a password`,
      { hint: "log in as root, or allow sudo or doas without a password", side: "destination" },
    );
  }
}

/**
 * Checks the options.
 *
 * @throws {UsageError} naming the option that cannot be meant
 */
export function checkStageOptions(options: StageKexecOptions, offline: boolean): CheckedStage {
  checkOptions(options, { bundle: "text" });
  const { bundle, target, boot = true, force = false, remoteFolder, bootTimeout } = options;
  checkSshTarget(options);
  if (options.postKexecSshPort !== undefined) checkPort(options.postKexecSshPort);
  const compression = compressionOfName(bundle);
  if (compression === undefined) {
    throw new UsageError(
      `Cannot use the bundle ${JSON.stringify(bundle)}: it has no known suffix`,
      {
        hint: `its name ends in ${tarballSuffixes.join(", ")}`,
      },
    );
  }
  if (remoteFolder !== undefined && !/^\/[^\0]*$/.test(remoteFolder)) {
    throw new UsageError(
      `Cannot use the remote folder ${JSON.stringify(remoteFolder)}: it is not an absolute path`,
    );
  }
  const bootTimeoutMs = typeof bootTimeout === "string"
    ? parseDuration(bootTimeout)
    : bootTimeout ?? 600_000;
  if (!(bootTimeoutMs > 0)) {
    throw new UsageError(`Cannot use the boot timeout ${bootTimeout}: it is not a time`);
  }
  if (offline) {
    throw new UsageError(`Cannot stage a bundle on "${target}" offline`, {
      hint: "leave out --offline",
    });
  }
  return { boot, force, bootTimeoutMs, compression };
}
