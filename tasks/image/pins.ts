/**
 * What the lockfile says that tags of registries mean.
 *
 * Invariants: what a lockfile holds of a tag is read by its digest, and the tag is not asked; a tag is pinned once the whole copy is done,
 * and all tags of a list at once; a dry run pins nothing.
 *
 * @module
 */
import type { Digest } from "../../lib/base/digest.ts";
import { KedgeError, UsageError } from "../../lib/base/errors.ts";
import { inParallel } from "../../lib/base/in_parallel.ts";
import type { Lockfile, Pin } from "../../lib/cache/lockfile.ts";
import type { ImageHosts } from "../../lib/oci/copy/image_hosts.ts";
import type { PlannedCopy } from "../../lib/oci/copy/plan_copies.ts";
import { formatReference, type RegistryReference } from "../../lib/oci/reference.ts";
import type { TaskContext } from "../../lib/runner/context.ts";
import { openImageHosts } from "../shared/registries.ts";
import type { CopyImagesOptions } from "./copy_options.ts";
import type { ImageRoute } from "./routes.ts";

/** A tag, and what it is pinned to. */
interface HeldTag {
  readonly from: RegistryReference & { readonly tag: string };
  readonly digest: Digest;
}

/** A route, and what the lockfile says of its source. */
interface PinnedRoute {
  readonly route: ImageRoute;
  /** What the lockfile calls it; `undefined` where the source names a digest by itself. */
  readonly key?: string;
  /** The source, where it is pinned. */
  readonly held?: HeldTag;
}

const tagsAtOnce = 8;
const keyStart = "image ";

/**
 * The lockfile that pins images.
 *
 * @throws {UsageError} if there is none
 */
export function pinningLockfile({ lockfile }: Pick<TaskContext, "lockfile">): Lockfile {
  if (lockfile !== undefined) return lockfile;
  throw new UsageError("Cannot pin images: there is no lockfile", {
    hint: "name one with --lock, or leave out --pin",
  });
}

/**
 * Copies what the lockfile pins, and pins the rest to what was copied.
 *
 * @param copy copies by these routes, and tells what it planned; `explained` says of an error what the lockfile has to do with it
 * @throws {UsageError} if there is no lockfile, a frozen one does not hold a tag, or a source is not a tag of a registry
 * @throws {KedgeError} if the registry does not have what is pinned, or another process pinned a tag to something else meanwhile
 */
export async function copyPinned<R>(
  routes: readonly ImageRoute[],
  options: CopyImagesOptions,
  context: TaskContext,
  copy: (
    routes: readonly ImageRoute[],
    more: {
      onPlan: (copies: readonly PlannedCopy[]) => void;
      explained: (error: unknown) => unknown;
    },
  ) => Promise<R>,
): Promise<R> {
  const lockfile = pinningLockfile(context);
  const pinned: PinnedRoute[] = [];
  for (const route of routes) pinned.push(await lookUp(route, lockfile));
  let found: ReadonlyMap<string, Pin> = new Map();
  const onPlan = (copies: readonly PlannedCopy[]) => found = meanings(pinned, copies);
  const explained = (error: unknown) => explain(error, pinned, lockfile);
  const result = await copy(pinned.map(({ route }) => route), { onPlan, explained })
    .catch((error) => {
      throw explained(error);
    });
  if (context.dryRun) await noteMoved(pinned, lockfile, options, context);
  else await lockfile.pinAll(found);
  return result;
}

async function lookUp(route: ImageRoute, lockfile: Lockfile): Promise<PinnedRoute> {
  const { from, to } = route;
  if (from.digest !== undefined) return { route };
  if (from.transport !== "docker") {
    throw new UsageError(`Cannot pin "${formatReference(from)}": it is not a tag of a registry`, {
      hint: "name its digest, or leave out --pin",
    });
  }
  const { host, repository, tag = "latest" } = from;
  const place = { ...from, tag };
  const name = formatReference(place);
  const key = `${keyStart}${name}`;
  const names = [name, name.slice(0, -tag.length - 1), `${host}/${repository}`, tag, "image"];
  const digest = (await lockfile.pinned(key, ...names))?.digest;
  return digest === undefined
    ? { route, key }
    : { route: { from: { ...from, tag, digest }, to }, key, held: { from: place, digest } };
}

/** What the tags were found to mean that are not pinned yet. */
function meanings(
  pinned: readonly PinnedRoute[],
  copies: readonly PlannedCopy[],
): Map<string, Pin> {
  const found = new Map<string, Pin>();
  const keys = pinned.flatMap(({ route, key, held }) =>
    route.to.map(() => held === undefined ? key : undefined)
  );
  for (const [at, { plan, source }] of copies.entries()) {
    const key = keys[at];
    if (key === undefined) continue;
    const { digest, size } = plan.resolved;
    const other = found.get(key)?.digest ?? digest;
    if (other !== digest) {
      throw new KedgeError(
        `Cannot pin "${source.name}": it moved from ${other} to ${digest} while it was looked at`,
        { side: "source", hint: "run the same command again" },
      );
    }
    found.set(key, { digest, size });
  }
  return found;
}

/** Says of a digest that the registry does not have, or that lacks what is wanted of it, that it is pinned, and what to do. */
function explain(error: unknown, pinned: readonly PinnedRoute[], lockfile: Lockfile): unknown {
  if (!(error instanceof KedgeError)) return error;
  const { missing, narrow } = error.data;
  const held = pinned.find(({ held }) => held && [missing, narrow].includes(held.digest))?.held;
  if (held === undefined) return error;
  const { from, digest } = held;
  const name = formatReference(from);
  if (digest === narrow) {
    const more = `"${lockfile.path}" pins that one, and --update=${name} takes what there is now`;
    return new KedgeError(error.message, { ...error, hint: `${error.hint}; ${more}` });
  }
  return new KedgeError(
    `Cannot find "${name}": "${lockfile.path}" pins ${digest}, and the registry has none`,
    {
      side: "source",
      cause: error,
      hint: `have it pushed again, or accept what the tag means now with --update=${name}`,
      data: { reference: name, digest },
    },
  );
}

/**
 * Says which tags mean something else now than what is pinned. The figures of a dry run are those of the run, which looks at no tag that is
 * pinned: they leave out what is asked here.
 */
async function noteMoved(
  pinned: readonly PinnedRoute[],
  lockfile: Lockfile,
  options: CopyImagesOptions,
  context: TaskContext,
): Promise<void> {
  const held = new Map(pinned.flatMap(({ key, held }) => held && key ? [[key, held]] : []));
  if (held.size === 0) return;
  using hosts = await openImageHosts(options, context);
  await inParallel(held.values(), tagsAtOnce, context.signal, async (each) => {
    const message = await changeOf(each, lockfile, hosts, context.signal);
    if (message !== undefined) warn(message, each.from, context);
  });
}

/** Warns of the tags that are pinned and would be chosen, if the registry listed them. */
export async function noteUnlisted(
  from: RegistryReference,
  fits: (tag: string) => boolean,
  listed: readonly string[],
  context: TaskContext,
): Promise<void> {
  const lockfile = pinningLockfile(context);
  const name = formatReference(from);
  const there = new Set(listed);
  const start = `${keyStart}${name}:`;
  for (const [key, { digest }] of await lockfile.all()) {
    const tag = key.slice(start.length);
    if (!key.startsWith(start) || there.has(tag) || !fits(tag)) continue;
    warn(
      `${name}:${tag} is gone and is left out, and "${lockfile.path}" pins ${digest}; ` +
        "have it pushed again, or take it out of the file",
      from,
      context,
    );
  }
}

function warn(message: string, { repository: subject }: RegistryReference, context: TaskContext) {
  const about = { operation: crypto.randomUUID(), kind: "image", subject };
  context.report({ ...about, type: "note", level: "warning", message });
}

/** What there is to say of a tag that is pinned; nothing where it means that still. */
async function changeOf(
  { from, digest }: HeldTag,
  lockfile: Lockfile,
  hosts: ImageHosts,
  signal: AbortSignal,
): Promise<string | undefined> {
  const name = formatReference(from);
  const pin = `"${lockfile.path}" pins ${digest}`;
  try {
    const source = await hosts.source(from);
    const now = source.peek === undefined
      ? (await source.tagged(from.tag))?.digest
      : await source.peek();
    if (now === digest) return undefined;
    if (now === undefined) return `${name} is gone, and ${pin}`;
    return `${name} points to ${now} now, and ${pin}; --update=${name} follows it`;
  } catch (error) {
    signal.throwIfAborted();
    return `cannot tell whether ${name} moved: ${(error as Error).message}`;
  }
}
