import { digestHex } from "../lib/base/digest_text.ts";
import { UnreachableError, UsageError } from "../lib/base/errors.ts";
import type { ContainerEngine } from "../lib/container/container_engine.ts";
import { hasImage, otherImage, pullImage } from "../lib/container/engine_image.ts";
import { parseReference } from "../lib/oci/reference.ts";
import type { TaskContext } from "../lib/runner/context.ts";
import type { BaseImageResult } from "./base_image.ts";
import { syncImage } from "./image.ts";

/** What of a base image is needed to run it. */
export type RunnableBase = Pick<
  BaseImageResult,
  "reference" | "digest" | "manifestDigest" | "configDigest" | "platform" | "copy"
>;

/** What bringing an image into an engine cost. */
export interface EngineImage {
  /** The name by which the engine runs it. */
  id: string;
  /** Whether it was brought just now. */
  loaded: boolean;
  /** Bytes that were moved for it. */
  bytesMoved: number;
  /** Requests that were made for it. */
  requests: number;
}

/**
 * Brings a base image into an engine, unless it is there: into podman out of its copy in a layout where it has one, else from its registry; docker,
 * and a podman in a virtual machine, fetch it from the registry themselves.
 */
export async function ensureEngineImage(
  engine: ContainerEngine,
  base: RunnableBase,
  insecureRegistries: readonly string[] | undefined,
  context: TaskContext,
): Promise<EngineImage> {
  const digests = [base.configDigest, base.manifestDigest];
  const standing = await hasImage(engine, digests, context.signal);
  if (standing !== undefined) return { id: standing, loaded: false, bytesMoved: 0, requests: 0 };
  const reference = parseReference(base.reference);
  if (reference.transport !== "docker") {
    throw new UsageError(`Cannot run "${base.reference}": it is in no registry`);
  }
  const repository = `${reference.host}/${reference.repository}`;
  const from = `docker://${repository}@${base.digest}`;
  if (engine.kind === "docker" || engine.isInMachine) {
    // Some of docker's stores know an image by the digest that was asked for.
    const registry = `${repository}@${base.manifestDigest}`;
    if (context.offline) {
      throw new UnreachableError(
        `Cannot bring "${registry}" into ${engine.kind}: no registry may be asked`,
        {
          hint:
            "run once without --offline; a podman on this machine itself takes it from a layout",
        },
      );
    }
    const insecure = insecureRegistries?.includes(reference.host) ?? false;
    const id = await pullImage(
      engine,
      { name: registry, platform: base.platform, insecure, digests },
      context.signal,
    );
    return { id, loaded: true, bytesMoved: 0, requests: 0 };
  }
  const copy = base.copy?.startsWith("oci:") === true ? base.copy : undefined;
  // A name of kedge's own takes none away from what others brought.
  const tag = reference.tag ?? digestHex(base.manifestDigest).slice(0, 12);
  const to = `podman:localhost/kedge/${reference.repository}:${tag}`;
  const { program, args } = engine;
  const { bytesMoved, requests } = await syncImage({
    from: copy ?? from,
    to,
    platforms: [base.platform],
    insecureRegistries,
    engines: { podman: { program, args } },
  }, context);
  const id = await hasImage(engine, digests, context.signal);
  if (id === undefined) throw otherImage(engine, from, digests);
  return { id, loaded: true, bytesMoved, requests };
}
