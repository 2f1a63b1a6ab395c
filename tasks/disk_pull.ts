import { JobPool } from "../lib/chunk/job_pool.ts";
import { parseReference } from "../lib/oci/reference.ts";
import type { Figures } from "../lib/operation/figures.ts";
import type { Operation, Step } from "../lib/operation/operation.ts";
import { runOperation } from "../lib/operation/run_operation.ts";
import { resolveContext, type TaskContextOptions } from "../lib/runner/context.ts";
import { lookAtDiskFile, refuseUsed } from "./disk_file.ts";
import { resolveDisk } from "./disk_image.ts";
import { checkOnline, concurrencyOf, lockDisk } from "./disk_options.ts";
import { chunkPull } from "./disk_pull_chunks.ts";
import type { PulledDisk, PullWork } from "./disk_pull_work.ts";
import { type DiskStore, openDiskStore } from "./disk_store.ts";
import { isTart } from "./disk_tart.ts";
import { tartPull } from "./disk_tart_pull.ts";

/** Options of {@linkcode pullDisk}. */
export interface PullDiskOptions {
  /** The disk: `docker://host/repository[:tag][@digest]` or `oci:folder[:tag]`. */
  reference: string;
  /** The file that becomes the disk. */
  file: string;
  /** Files that may hold chunks of it, beside those that the cache knows. */
  bases?: readonly string[] | undefined;
  /**
   * Whether the file itself is written, instead of one beside it that then takes its name. It needs no room for a second version, and
   * while it lasts the file is neither the old version nor the new one; a pull that was cut off is finished by the next one.
   *
   * @default {false}
   */
  inPlace?: boolean;
  /** Hosts that are spoken to in plain HTTP; loopback hosts always are. */
  insecureRegistries?: readonly string[] | undefined;
  /** How many ranges may be under way, 1 to 64. @default {8} */
  concurrency?: number;
}

/** What {@linkcode pullDisk} gives. */
export interface PullDiskResult extends Figures, PulledDisk {}

/**
 * Makes a file the disk that a reference means, fetching only the chunks that are nowhere on this machine.
 *
 * Chunks are taken from the file as it stands, from the bases, from files that the cache knows, from packs in the cache, and last from the
 * registry; each is hashed before it is written, wherever it comes from. A pull that was cut off, also by kill -9, goes on where it was.
 *
 * @example
 * ```ts
 * import { pullDisk } from "@kedge/kedge";
 *
 * async function disk(): Promise<void> {
 *   const { bytesMoved, why } = await pullDisk({ reference: "docker://ghcr.io/acme/disk:1", file: "vm.img" });
 *   console.log(bytesMoved, why);
 * }
 * ```
 *
 * @throws {UsageError} if an option is malformed, or the file is a folder or a device
 * @throws {VerificationError} if the index lies, or chunks have other digests than it says
 * @throws {NoRoomError} if the file would not fit
 * @throws {KedgeError} if there is no such disk, or the file is in use and is to be written in place
 */
export async function pullDisk(
  options: PullDiskOptions,
  ctx: TaskContextOptions = {},
): Promise<PullDiskResult> {
  const context = resolveContext(ctx);
  const reference = parseReference(options.reference);
  checkOnline(context, reference);
  const concurrency = concurrencyOf(options.concurrency);
  const { path } = await lookAtDiskFile(options.file);
  if (options.inPlace === true) await refuseUsed(path);
  const { cache } = context;

  await using _lock = await lockDisk(context, path);
  using pool = new JobPool({ signal: context.signal });
  let opened: DiskStore | undefined;
  const operation: Operation<PullWork, void, PulledDisk> = {
    kind: "disk",
    subject: `${options.reference} -> ${options.file}`,
    async plan(step: Step) {
      const store = opened = openDiskStore(reference, "source", {
        meter: step.meter,
        signal: step.signal,
        redactor: context.redactor,
        insecureRegistries: options.insecureRegistries,
      });
      const manifest = await resolveDisk(store);
      const pull = isTart(manifest) ? tartPull : chunkPull;
      return await pull({
        store,
        manifest,
        file: await lookAtDiskFile(options.file),
        given: options.file,
        inPlace: options.inPlace ?? false,
        bases: options.bases ?? [],
        concurrency,
        cache,
        pool,
      }, step);
    },
    move: (work, step) => work.move(step),
    verify: (work, _moved, step) => work.verify(step),
    commit: (work, _moved, step) => work.commit(step),
    standing: (work) => work.result,
  };
  try {
    return await runOperation(operation, context);
  } finally {
    opened?.[Symbol.dispose]();
  }
}
