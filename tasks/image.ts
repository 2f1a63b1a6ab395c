/**
 * Images between registries and layouts, only what changed.
 *
 * @module
 */
import { UsageError, VerificationError } from "../lib/base/errors.ts";
import { commitCopy, moveBlobs } from "../lib/oci/copy_move.ts";
import { type CopyPlan, planCopy } from "../lib/oci/copy_plan.ts";
import type { Platform } from "../lib/oci/descriptor.ts";
import type { ImageDestination, ImageSource } from "../lib/oci/image_store.ts";
import { openDestination, openSource } from "../lib/oci/open_image.ts";
import { machinePlatform, parsePlatform } from "../lib/oci/platform.ts";
import { formatReference, type ImageReference, parseReference } from "../lib/oci/reference.ts";
import type { Figures } from "../lib/operation/figures.ts";
import type { Operation, Step } from "../lib/operation/operation.ts";
import { runOperation } from "../lib/operation/run_operation.ts";
import {
  resolveContext,
  type TaskContext,
  type TaskContextOptions,
} from "../lib/runner/context.ts";

/** Options of {@linkcode syncImage}. */
export interface SyncImageOptions {
  /** Where the image is: `docker://host/repository[:tag][@digest]` or `oci:folder[:tag]`. */
  from: string;
  /** Where it goes, written the same way. */
  to: string;
  /** The platforms that are wanted of an index, as `linux/arm64`. @default {the machine's} */
  platforms?: readonly string[] | undefined;
  /** Whether an index is copied whole, with all that it points to. @default {false} */
  allPlatforms?: boolean;
  /** Hosts that are spoken to in plain HTTP; loopback hosts always are. */
  insecureRegistries?: readonly string[] | undefined;
  /**
   * The most blobs that may be under way, 1 to 64. It starts at 6 and follows what the registry takes.
   *
   * @default {16}
   */
  concurrency?: number | undefined;
}

/** What {@linkcode syncImage} gives. */
export interface SyncImageResult extends Figures {
  /** The destination, pinned: `TO@sha256:...`. */
  reference: string;
  /** The digest that the destination points to. */
  digest: string;
  /** Its media type. */
  mediaType: string;
}

/**
 * Brings an image from a registry or a layout to another, moving only the blobs that are not there yet.
 *
 * Every byte is hashed while it moves; manifests follow their blobs, and the tag moves last, so that nobody ever sees a part. The digest
 * at the destination is that of the source, except where a choice of several platforms makes a smaller index.
 *
 * @example
 * ```ts
 * import { syncImage } from "@kedge/kedge";
 *
 * async function image(): Promise<void> {
 *   const { reference } = await syncImage({ from: "docker://ghcr.io/acme/vm:1", to: "oci:images/vm:1" });
 *   if (!reference.startsWith("oci:images/vm:1@sha256:")) throw new Error(reference);
 * }
 * ```
 *
 * @throws {UsageError} if a reference or another option is malformed
 * @throws {VerificationError} if bytes, sizes or types are not what they must be
 * @throws {NotAllowedError} if a registry refuses
 * @throws {UnreachableError} if a registry kept failing
 * @throws {KedgeError} if there is no such image
 */
export async function syncImage(
  options: SyncImageOptions,
  ctx: TaskContextOptions = {},
): Promise<SyncImageResult> {
  const context = resolveContext(ctx);
  const from = parseReference(options.from);
  const to = parseReference(options.to);
  checkOffline(context, from, to);
  const platforms = wantedPlatforms(options);
  const concurrency = checkConcurrency(options.concurrency);
  let opened: { source: ImageSource; destination: ImageDestination } | undefined;
  const open = (step: Step) => {
    const shared = {
      meter: step.meter,
      signal: step.signal,
      redactor: context.redactor,
      concurrency,
      memory: context.journal,
      insecureRegistries: options.insecureRegistries,
    };
    return opened ??= {
      source: openSource(from, shared),
      destination: openDestination(to, shared),
    };
  };
  const operation: Operation<CopyPlan, void, Omit<SyncImageResult, keyof Figures>> = {
    kind: "image",
    subject: `${options.from} -> ${options.to}`,
    async plan(step) {
      const { source, destination } = open(step);
      const { meter, signal } = step;
      const plan = await planCopy(source, destination, { platforms, meter, signal });
      checkPinned(to, plan);
      return plan;
    },
    async move(plan, step) {
      const { source, destination } = open(step);
      await moveBlobs(plan, source, destination, {
        meter: step.meter,
        signal: step.signal,
        onBlob: (digest, sizeBytes) => step.record(digest, "arrived", { sizeBytes }),
      });
    },
    async verify(plan, _moved, step) {
      const { destination } = open(step);
      if (destination.complete) return;
      for (const blob of [...plan.missing, ...plan.present]) {
        if (await destination.has(blob, false)) continue;
        throw new VerificationError(
          `Cannot finish "${destination.name}": ${blob.digest} is gone from it`,
          { side: "destination", hint: "is another program collecting garbage there?" },
        );
      }
    },
    async commit(plan, _moved, step) {
      const { source, destination } = open(step);
      const { meter, signal } = step;
      await commitCopy(plan, destination, { meter, signal });
      const now = await source.now?.();
      if (now !== undefined && now !== plan.resolved) {
        meter.note(
          `${source.name} moved to ${now} meanwhile; ${plan.resolved} was copied`,
          "warning",
        );
      }
      return result(to, plan);
    },
    standing: (plan) => result(to, plan),
  };
  try {
    return await runOperation(operation, context);
  } finally {
    opened?.source[Symbol.dispose]();
    opened?.destination[Symbol.dispose]();
  }
}

function result(to: ImageReference, plan: CopyPlan): Omit<SyncImageResult, keyof Figures> {
  const { digest, mediaType } = plan.root;
  return { reference: formatReference({ ...to, digest }), digest, mediaType };
}

function wantedPlatforms(options: SyncImageOptions): Platform[] | undefined {
  const { platforms = [], allPlatforms = false } = options;
  if (allPlatforms && platforms.length > 0) {
    throw new UsageError(
      `Cannot use allPlatforms together with platforms ${JSON.stringify(platforms)}`,
      { hint: "leave out one of the two" },
    );
  }
  if (allPlatforms) return undefined;
  return platforms.length === 0 ? [machinePlatform()] : platforms.map(parsePlatform);
}

function checkConcurrency(concurrency = 16): number {
  if (Number.isInteger(concurrency) && concurrency >= 1 && concurrency <= 64) return concurrency;
  throw new UsageError(`Cannot use the concurrency ${concurrency}: it must be 1 to 64`);
}

function checkOffline(context: TaskContext, ...references: ImageReference[]): void {
  const remote = references.find((reference) => reference.transport === "docker");
  if (!context.offline || remote === undefined) return;
  throw new UsageError(`Cannot sync "${formatReference(remote)}" offline: it is in a registry`, {
    hint: "leave out --offline, or name layouts only",
  });
}

function checkPinned(to: ImageReference, plan: CopyPlan): void {
  if (to.digest === undefined || to.digest === plan.root.digest) return;
  throw new VerificationError(
    `Cannot copy to "${formatReference(to)}": the image has the digest ${plan.root.digest}`,
    { side: "destination", data: { expected: to.digest, actual: plan.root.digest } },
  );
}
