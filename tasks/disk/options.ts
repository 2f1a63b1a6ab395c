/** What the options of the disk tasks have in common. @module */
import { refusedOption } from "../../lib/base/check_options.ts";
import { TimedOutError, UsageError } from "../../lib/base/errors.ts";
import { ifThere } from "../../lib/base/files.ts";
import { type Busy, busyError } from "../../lib/disk/busy.ts";
import { formatReference, type ImageReference } from "../../lib/oci/reference.ts";
import type { TaskContext } from "../../lib/runner/context.ts";

/**
 * How many transfers may be under way.
 *
 * @throws {UsageError} if it is not 1 to 64
 */
export function concurrencyOf(concurrency = 8): number {
  if (Number.isInteger(concurrency) && concurrency >= 1 && concurrency <= 64) return concurrency;
  throw refusedOption("concurrency", concurrency, "a whole number from 1 to 64");
}

/**
 * Refuses references that need the network where it may not be used.
 *
 * @throws {UsageError} if one is in a registry and the context is offline
 */
export function checkOnline(context: TaskContext, ...references: ImageReference[]): void {
  const remote = references.find((reference) => reference.transport === "docker");
  if (!context.offline || remote === undefined) return;
  throw new UsageError(`Cannot reach "${formatReference(remote)}" offline: it is in a registry`, {
    hint: "leave out --offline, or name a layout",
  });
}

/**
 * Refuses to write a disk over a part of the layout that it comes from.
 *
 * @param path the file, behind all links
 * @throws {UsageError} if it is one
 */
export async function refuseOwnLayout(reference: ImageReference, path: string): Promise<void> {
  if (reference.transport !== "oci") return;
  for (const part of ["index.json", "oci-layout", "blobs"]) {
    const real = await ifThere(Deno.realPath(`${reference.folder}/${part}`));
    if (real === undefined || !`${path}/`.startsWith(`${real}/`)) continue;
    throw new UsageError(
      `Cannot write the disk "${path}": it is a part of the layout "${reference.folder}" itself`,
      { hint: "name a file elsewhere" },
    );
  }
}

/**
 * Keeps other processes from the same file or reference, and prune from the cache, until disposed of; a dry run takes no lock. Where another process is at
 * it, this one says so and waits.
 *
 * @param busy what is said where that one takes too long
 */
export async function lockDisk(
  context: TaskContext,
  name: string,
  busy: Busy,
): Promise<AsyncDisposable> {
  if (context.dryRun) return { [Symbol.asyncDispose]: () => Promise.resolve() };
  const { cache, signal } = context;
  const use = await cache.use({ signal });
  const onWait = () =>
    context.report({
      type: "note",
      operation: crypto.randomUUID(),
      kind: "disk",
      subject: name,
      level: "info",
      message: `${busy.state}; waiting to ${busy.action}`,
    });
  try {
    const lock = await cache.lock(`disk ${name}`, { signal, onWait });
    return {
      [Symbol.asyncDispose]: () => {
        lock[Symbol.dispose]();
        use[Symbol.dispose]();
        return Promise.resolve();
      },
    };
  } catch (error) {
    use[Symbol.dispose]();
    if (!(error instanceof TimedOutError)) throw error;
    const [message, options] = busyError(busy);
    throw new TimedOutError(message, { ...options, cause: error });
  }
}
