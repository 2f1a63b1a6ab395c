import { UsageError } from "../base/errors.ts";
import type { Descriptor, Platform } from "./descriptor.ts";

const machines: Record<string, string> = { x86_64: "amd64", aarch64: "arm64" };

/**
 * The platform of images that a machine runs: `linux` whatever its own system is, since that is what images are made for. On macOS and
 * Windows the engine runs them in a virtual machine of the same processor.
 */
export function machinePlatform(machine: { os: string; arch: string } = Deno.build): Platform {
  return { os: "linux", architecture: machines[machine.arch] ?? machine.arch };
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
  const match = /^([a-z0-9]+)\/([a-z0-9_]+)(?:\/([a-z0-9.]+))?$/.exec(text);
  if (match === null) {
    throw new UsageError(`Cannot read the platform ${JSON.stringify(text)}: it is malformed`, {
      hint: "write a platform as linux/amd64 or linux/arm/v7",
    });
  }
  const architecture = machines[match[2]!] ?? match[2]!;
  return {
    os: match[1]!,
    architecture,
    ...(match[3] === undefined ? {} : { variant: match[3] }),
  };
}

/** The variants that a processor runs where none is asked for, the best first: what an entry without one is taken for leads. */
const usualVariants: Record<string, readonly string[]> = {
  amd64: ["v1"],
  arm: ["v7", "v6", "v5"],
  arm64: ["v8"],
};

/**
 * The entry of an index that fits a platform. Where a variant is asked for, entries without one count only if none has it; where none is,
 * what every machine of the architecture runs comes before what only newer ones do (`amd64` before `amd64/v3`).
 */
export function selectPlatform(
  entries: readonly Descriptor[],
  wanted: Platform,
): Descriptor[] {
  const fitting = entries.filter((entry) =>
    entry.platform?.os === wanted.os && entry.platform.architecture === wanted.architecture
  );
  if (wanted.variant === undefined) {
    const usual = usualVariants[wanted.architecture] ?? [];
    const rank = ({ platform }: Descriptor) => {
      const at = platform?.variant ? usual.indexOf(platform.variant) : 0;
      return at < 0 ? Number.MAX_SAFE_INTEGER : at;
    };
    return fitting.toSorted((a, b) => rank(a) - rank(b)).slice(0, 1);
  }
  const exact = fitting.filter((entry) => entry.platform?.variant === wanted.variant);
  return (exact.length > 0 ? exact : fitting.filter((entry) => !entry.platform?.variant))
    .slice(0, 1);
}

/** Whether one of the entries fits a platform as well as any could. */
export function fitsBest(entries: readonly Descriptor[], wanted: Platform): boolean {
  const best = wanted.variant ?? usualVariants[wanted.architecture]?.[0];
  return selectPlatform(entries, wanted).some(({ platform }) =>
    platform?.variant === best || wanted.variant === undefined && !platform?.variant
  );
}
