import type { Digest } from "../base/digest.ts";
import { KedgeError, VerificationError } from "../base/errors.ts";
import { checkedManifest } from "./checked_manifest.ts";
import type { Descriptor, Platform } from "./descriptor.ts";
import type { ImageSource } from "./image_store.ts";
import { describeManifest, type Manifest, parseManifest } from "./manifest.ts";
import { formatPlatform, selectPlatform } from "./platform.ts";
import { platformLeaves } from "./platform_leaves.ts";
import { isReferrersList } from "./referrers.ts";

/** What is wanted; its manifest is not at hand where the destination has it already. */
export type ImageChoice =
  | { readonly descriptor: Descriptor; readonly manifest: Manifest }
  | { readonly descriptor: Descriptor };

/**
 * What of a resolved manifest is wanted: itself, one of its platforms, or an index of some of them. The source is asked for none to which
 * the destination points, and whose manifest `standing` is where that is at hand.
 */
export async function chooseImage(
  source: ImageSource,
  resolved: Manifest,
  platforms: readonly Platform[] | undefined,
  options: { pointer: Digest | undefined; standing: Manifest | undefined; signal: AbortSignal },
): Promise<ImageChoice> {
  const whole = platforms === undefined || isReferrersList(source.name, resolved);
  if (resolved.kind === "image" || whole) {
    return { descriptor: describeManifest(resolved), manifest: resolved };
  }
  const leaves = await platformLeaves(source, resolved, platforms, options.signal);
  const chosen = platforms.flatMap((platform) => {
    const found = selectPlatform(leaves, platform);
    if (found.length > 0) return found;
    const known = leaves.flatMap((entry) => entry.platform ?? []).map(formatPlatform);
    throw new KedgeError(
      `Cannot find "${source.name}" for ${formatPlatform(platform)}: the index has no such image`,
      {
        side: "source",
        hint: known.length === 0
          ? "copy the whole index with --all-platforms"
          : `it has ${[...new Set(known)].slice(0, 12).join(", ")}`,
        data: { narrow: resolved.digest },
      },
    );
  });
  if (chosen.length === 1) {
    const descriptor = chosen[0]!;
    const { pointer, standing } = options;
    const there = standing?.digest === descriptor.digest ? standing : undefined;
    if (descriptor.digest === pointer && there === undefined) return { descriptor };
    const found = there ?? await source.manifest(descriptor);
    const manifest = checkedManifest(found, descriptor, source.name);
    if (manifest.kind === "image") return { descriptor, manifest };
    throw new VerificationError(
      `Cannot copy "${source.name}": its index says that ${descriptor.digest} is an image, and it is an index`,
      { side: "source" },
    );
  }
  const manifest = narrowed(resolved, leaves, chosen, source.name);
  return { descriptor: describeManifest(manifest), manifest };
}

/** An index of some of the entries that are in another or below it; the same choice gives the same bytes. */
function narrowed(
  index: Manifest,
  leaves: readonly Descriptor[],
  chosen: readonly Descriptor[],
  name: string,
): Manifest {
  const json = JSON.parse(new TextDecoder().decode(index.bytes)) as Record<string, unknown>;
  const wanted = new Set(chosen.map((entry) => entry.digest));
  const manifests = leaves.filter(({ digest }) => wanted.has(digest));
  const bytes = new TextEncoder().encode(JSON.stringify({ ...json, manifests }));
  return parseManifest(bytes, { name, mediaType: index.mediaType });
}
