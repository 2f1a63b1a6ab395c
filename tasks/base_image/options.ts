import { checkOptions, refusedOption } from "../../lib/base/check_options.ts";
import { parseDuration } from "../../lib/base/duration.ts";
import { UsageError } from "../../lib/base/errors.ts";
import { type NixVersion, parseNixVersion } from "../../lib/nix/program/nix_version.ts";
import type { Platform } from "../../lib/oci/descriptor.ts";
import { parseDestination } from "../../lib/oci/engine_reference.ts";
import { machinePlatform, parsePlatform } from "../../lib/oci/platform.ts";
import { parseReference, type RegistryReference } from "../../lib/oci/reference.ts";
import type { SyncImageOptions } from "../image/image.ts";
import type { ImageRegistriesOptions } from "../shared/registry_rules.ts";
import { registriesShapes } from "../shared/registry_rules.ts";

/** Options of {@linkcode baseImage}. */
export interface BaseImageOptions extends ImageRegistriesOptions {
  /** The version of Nix, as `nix --version` or a person writes it. @default {that of the Nix of this machine} */
  nixVersion?: string | undefined;
  /** The repository whose tags are the versions. @default {"docker.io/nixos/nix"} */
  repository?: string | undefined;
  /** The platform, such as `linux/arm64`. @default {linux with the architecture of this machine} */
  platform?: string | undefined;
  /**
   * What is used if the version has no image: nothing, the newest image of the same minor version, or the tag or digest that is given.
   *
   * @default {"none"}
   */
  fallback?: "none" | "minor" | (string & Record<never, never>) | undefined;
  /** How old the answer in the cache may be before the registry is asked again: milliseconds, or a text such as `"7d"`. @default {no limit} */
  maxAge?: number | string | undefined;
  /**
   * Where the image is copied to: `docker://host/repository:tag`, `oci:folder:tag`, or `podman:name[:tag]` and `docker-daemon:name[:tag]` for
   * an engine on this machine. Offline, it is enough if a layout or an engine of this machine has it already.
   *
   * @default {not copied}
   */
  to?: string | undefined;
  /** How the engines of `podman:` and `docker-daemon:` are called. @default {by their names, in PATH} */
  engines?: SyncImageOptions["engines"];
}

/** The same, checked. */
export interface CheckedBaseImage {
  /** The version, where one was given. */
  version?: NixVersion;
  /** The repository. */
  repository: RegistryReference;
  /** The platform. */
  platform: Platform;
  /** `none`, `minor`, or a tag or digest. */
  fallback: string;
  /** After what time the registry is asked again, in milliseconds. */
  maxAgeMs?: number;
}

/**
 * Checks the options of {@linkcode baseImage}.
 *
 * @throws {UsageError} if one is out of its range
 */
export function checkBaseImage(options: BaseImageOptions): CheckedBaseImage {
  // A task file may be run without its types being checked, and a version looks like a number.
  checkOptions(options, {}, {
    nixVersion: "text",
    repository: "text",
    platform: "text",
    fallback: "text",
    to: "text",
    engines: "object",
    ...registriesShapes,
  });
  const { nixVersion, platform, fallback = "none", maxAge } = options;
  const maxAgeMs = typeof maxAge === "string" ? parseDuration(maxAge) : maxAge;
  if (maxAgeMs !== undefined && !(typeof maxAgeMs === "number" && maxAgeMs >= 0)) {
    throw refusedOption("maxAge", maxAge, 'a number of milliseconds, or a text such as "7d"');
  }
  if (options.to !== undefined) parseDestination(options.to);
  const repository = checkRepository(options.repository ?? "docker.io/nixos/nix");
  if (fallback !== "none" && fallback !== "minor") checkFallback(repository, fallback);
  return {
    repository,
    platform: platform === undefined ? machinePlatform() : parsePlatform(platform),
    fallback,
    ...(nixVersion === undefined ? {} : { version: parseNixVersion(nixVersion) }),
    ...(maxAgeMs === undefined ? {} : { maxAgeMs }),
  };
}

function checkRepository(text: string): RegistryReference {
  const reference = parseReference(text.startsWith("docker://") ? text : `docker://${text}`);
  if (reference.transport === "docker" && reference.tag === undefined && !reference.digest) {
    return reference;
  }
  throw new UsageError(
    `Cannot use the repository ${JSON.stringify(text)}: it names a tag or a digest`,
    { hint: "the tag is the version of Nix; name the repository alone" },
  );
}

function checkFallback(repository: RegistryReference, fallback: string): void {
  const place = `docker://${repository.host}/${repository.repository}`;
  const whole = `${place}${fallback.startsWith("sha256:") ? "@" : ":"}${fallback}`;
  try {
    const { tag, digest } = parseReference(whole);
    if (tag === fallback || digest === fallback) return;
  } catch (cause) {
    if (!(cause instanceof UsageError)) throw cause;
  }
  throw new UsageError(
    `Cannot use the fallback ${
      JSON.stringify(fallback)
    }: it is neither none, minor, a tag nor a digest`,
  );
}
