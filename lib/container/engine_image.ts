import type { Digest } from "../base/digest.ts";
import { digestHex } from "../base/digest_text.ts";
import { VerificationError } from "../base/errors.ts";
import type { ContainerEngine } from "./container_engine.ts";

/** Whether the engine holds an image, by the digest of its config or, in docker's newer stores, of its manifest. */
export async function hasImage(
  engine: ContainerEngine,
  digests: readonly Digest[],
  signal?: AbortSignal,
): Promise<string | undefined> {
  for (const digest of digests) {
    const id = engine.kind === "podman" ? digestHex(digest) : digest;
    const args = ["image", "inspect", "--format={{.Id}}", id];
    const { code, stderr } = await engine.run(args, signal === undefined ? {} : { signal });
    if (code === 0) return id;
    if (!/no such image|image not known|not found/i.test(stderr)) {
      throw engine.failed(`look for the image ${digest}`, code, stderr);
    }
  }
  return undefined;
}

/**
 * Brings an image into the engine, out of a layout (podman) or from its registry (docker); gives the name by which it is run.
 *
 * @throws {VerificationError} if the engine holds another image afterwards
 */
export async function loadImage(
  engine: ContainerEngine,
  image: {
    /** The layout that holds it, and its name there. */
    layout?: { folder: string; tag: string };
    /** Its name in a registry, with its digest. */
    registry?: string;
    /** For which machine it is, where a registry has it. */
    platform?: string;
    /** The digests of config and manifest. */
    digests: readonly Digest[];
  },
  signal?: AbortSignal,
): Promise<string> {
  const from = image.layout === undefined
    ? image.registry ?? ""
    : `oci:${image.layout.folder}:${image.layout.tag}`;
  const options = signal === undefined ? {} : { signal };
  const platform = image.platform === undefined ? [] : [`--platform=${image.platform}`];
  await engine.must(
    ["pull", "--quiet", ...platform, from],
    `bring "${from}" into ${engine.kind}`,
    options,
  );
  const id = await hasImage(engine, image.digests, signal);
  if (id !== undefined) return id;
  throw new VerificationError(
    `Cannot run "${from}": ${engine.kind} holds another image than ${
      image.digests[0]
    } after it was loaded`,
  );
}
