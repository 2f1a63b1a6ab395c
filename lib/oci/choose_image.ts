import type { Digest } from "../base/digest.ts";
import { KedgeError } from "../base/errors.ts";
import { checkedManifest } from "./checked_manifest.ts";
import type { Descriptor, Platform } from "./descriptor.ts";
import type { ImageSource } from "./image_store.ts";
import { describeManifest, type Manifest, parseManifest } from "./manifest.ts";
import { formatPlatform, selectPlatform } from "./platform.ts";
import { isReferrersList } from "./referrers.ts";

/** What is wanted; its manifest is not at hand where the destination has it already. */
export type ImageChoice =
  | { readonly descriptor: Descriptor; readonly manifest: Manifest }
  | { readonly descriptor: Descriptor };

/** What of a resolved manifest is wanted: itself, one of its platforms, or an index of some of them. */
export async function chooseImage(
  source: ImageSource,
  resolved: Manifest,
  platforms: readonly Platform[] | undefined,
  pointer: Digest | undefined,
  depth = 0,
): Promise<ImageChoice> {
  const whole = platforms === undefined || isReferrersList(source.name, resolved);
  if (resolved.kind === "image" || whole) {
    return { descriptor: describeManifest(resolved), manifest: resolved };
  }
  const chosen = platforms.flatMap((platform) => {
    const found = selectPlatform(resolved.manifests, platform);
    if (found.length > 0) return found;
    const known = resolved.manifests.map((entry) => entry.platform)
      .filter((each) => each !== undefined).map(formatPlatform);
    throw new KedgeError(
      `Cannot find "${source.name}" for ${formatPlatform(platform)}: the index has no such image`,
      {
        side: "source",
        hint: known.length === 0
          ? "copy the whole index with --all-platforms"
          : `it has ${[...new Set(known)].slice(0, 12).join(", ")}`,
      },
    );
  });
  if (chosen.length === 1) {
    const descriptor = chosen[0]!;
    if (descriptor.digest === pointer || depth >= deepest) return { descriptor };
    const manifest = checkedManifest(await source.manifest(descriptor), descriptor, source.name);
    return manifest.kind === "index"
      ? await chooseImage(source, manifest, platforms, pointer, depth + 1)
      : { descriptor, manifest };
  }
  const manifest = narrowed(resolved, chosen, source.name);
  return { descriptor: describeManifest(manifest), manifest };
}

/** An index of some entries of another; the same choice gives the same bytes. */
function narrowed(index: Manifest, entries: readonly Descriptor[], name: string): Manifest {
  const json = JSON.parse(new TextDecoder().decode(index.bytes)) as Record<string, unknown>;
  const wanted = new Set(entries.map((entry) => entry.digest));
  const manifests = (json["manifests"] as Descriptor[]).filter(({ digest }) => wanted.has(digest));
  const bytes = new TextEncoder().encode(JSON.stringify({ ...json, manifests }));
  return parseManifest(bytes, { name, mediaType: index.mediaType });
}

const deepest = 8;
