import { UsageError } from "../base/errors.ts";
import type { Descriptor, Platform } from "./descriptor.ts";

/** What some call an architecture, and which of its variants they mean. */
const otherNames = new Map<string, readonly [architecture: string, variant?: string]>([
  ["x86_64", ["amd64"]],
  ["x86-64", ["amd64"]],
  ["i386", ["386"]],
  ["aarch64", ["arm64"]],
  ["armhf", ["arm", "v7"]],
  ["armel", ["arm", "v6"]],
]);

/** The variant that is meant where none is named. */
const defaultVariants = new Map([["amd64", "v1"], ["arm", "v7"], ["arm64", "v8"]]);

/** An architecture and its variant by the name of the architecture that images have; what such a name means comes before a variant beside it. */
function processorOf(
  name: string,
  written: string | undefined,
): { architecture: string; variant: string | undefined } {
  const [architecture, meant] = otherNames.get(name) ?? [name];
  return { architecture, variant: meant ?? written };
}

/**
 * The platform of images that a machine runs: `linux` whatever its own system is, since that is what images are made for. On macOS and
 * Windows the engine runs them in a virtual machine of the same processor.
 */
export function machinePlatform(machine: { os: string; arch: string } = Deno.build): Platform {
  return { os: "linux", architecture: otherNames.get(machine.arch)?.[0] ?? machine.arch };
}

/** `linux/arm64/v8`: a platform as people write it. */
export function formatPlatform(platform: Platform): string {
  return [platform.os, platform.architecture, platform.variant].filter(Boolean).join("/");
}

/**
 * Reads `os/architecture[/variant]`.
 *
 * @throws {UsageError} if it is none
 */
export function parsePlatform(text: string): Platform {
  const match = /^([a-z0-9]+)\/([a-z0-9_-]+)(?:\/([a-z0-9.]+))?$/.exec(text);
  if (match === null) {
    throw new UsageError(`Cannot read the platform ${JSON.stringify(text)}: it is malformed`, {
      hint: "write a platform as linux/amd64 or linux/arm/v7",
    });
  }
  const { architecture, variant } = processorOf(match[2]!, match[3]);
  return { os: match[1]!, architecture, ...(variant === undefined ? {} : { variant }) };
}

/**
 * A platform by the one of its names that engines use: `arm64/v8` and `aarch64` are `arm64`, `arm` is `arm/v7`, `amd64/v1` and `x86_64` are
 * `amd64`, as containerd's `platforms.Normalize` has it.
 */
export function normalizePlatform({ os, architecture, variant }: Platform): Platform {
  const written = variant?.toLowerCase().replace(/^(?=\d)/, "v") || undefined;
  const { architecture: name, variant: named } = processorOf(architecture.toLowerCase(), written);
  const usual = defaultVariants.get(name);
  const told = named ?? usual;
  const isSilent = told === undefined || name !== "arm" && told === usual;
  return { os: os.toLowerCase(), architecture: name, ...(isSilent ? {} : { variant: told }) };
}

/** Whether two texts name one platform. */
export function isSamePlatform(a: string, b: string): boolean {
  const [one, other] = [a, b].map((text) => {
    const [os = "", architecture = "", ...variant] = text.split("/");
    return formatPlatform(normalizePlatform({ os, architecture, variant: variant.join("/") }));
  });
  return one === other;
}

/** The variants of `arm` that a processor runs where none is asked for, the best first. */
const armVariants = ["v7", "v6", "v5"];

/**
 * The entry of an index that fits a platform. Where a variant is asked for, entries without one count only if none has it; where none is,
 * what every machine of the architecture runs comes before what only newer ones do (`amd64` before `amd64/v3`).
 */
export function selectPlatform(
  entries: readonly Descriptor[],
  wanted: Platform,
): Descriptor[] {
  const { os, architecture, variant } = normalizePlatform(wanted);
  const fitting = entries.flatMap((entry) => {
    const platform = entry.platform && normalizePlatform(entry.platform);
    if (platform?.os !== os || platform.architecture !== architecture) return [];
    return [{ entry, platform }];
  });
  const first = (found: typeof fitting) => found.slice(0, 1).map(({ entry }) => entry);
  if (!wanted.variant) {
    const usual = architecture === "arm" ? armVariants : [undefined];
    const rank = ({ platform }: typeof fitting[number]) => {
      const at = usual.findIndex((each) => each === platform.variant);
      return at < 0 ? Number.MAX_SAFE_INTEGER : at;
    };
    return first(fitting.toSorted((a, b) => rank(a) - rank(b)));
  }
  const exact = fitting.filter(({ platform }) => platform.variant === variant);
  const silent = fitting.filter(({ entry, platform }) =>
    !platform.variant || !entry.platform?.variant
  );
  return first(exact.length > 0 ? exact : silent);
}

/** Whether one of the entries fits a platform as well as any could. */
export function fitsBest(entries: readonly Descriptor[], wanted: Platform): boolean {
  const best = normalizePlatform(wanted).variant;
  return selectPlatform(entries, wanted).some(({ platform }) =>
    platform !== undefined && normalizePlatform(platform).variant === best
  );
}
