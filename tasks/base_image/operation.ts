/**
 * The base image of exactly the Nix that is here.
 *
 * Invariants: never another version than was asked for, unless a fallback was chosen; the label decides, or the history where there is none,
 * and not the tag; what a tag meant is pinned by digest, which is remembered apart from what it means; a name that is known costs no request.
 *
 * @module
 */
import * as v from "valibot";
import { defined } from "../../lib/base/defined.ts";
import type { Digest } from "../../lib/base/digest.ts";
import { isDigest } from "../../lib/base/digest_text.ts";
import { UnreachableError } from "../../lib/base/errors.ts";
import { buckets } from "../../lib/cache/buckets.ts";
import { freshnessOf, type FreshReason } from "../../lib/cache/freshness.ts";
import { localNixVersion } from "../../lib/nix/program/local_nix_version.ts";
import type { NixVersion } from "../../lib/nix/program/nix_version.ts";
import { formatPlatform } from "../../lib/oci/platform.ts";
import { formatReference } from "../../lib/oci/reference.ts";
import type { Figures, Plan } from "../../lib/operation/figures.ts";
import type { Operation, Step } from "../../lib/operation/operation.ts";
import { runOperation } from "../../lib/operation/run_operation.ts";
import {
  resolveContext,
  type TaskContext,
  type TaskContextOptions,
} from "../../lib/runner/context.ts";
import { openImageHosts } from "../shared/registries.ts";
import { chooseBaseImage, type ChosenBaseImage, noteFallback } from "./choice.ts";
import { type BaseImageOptions, checkBaseImage, type CheckedBaseImage } from "./options.ts";
import { copyBaseImage } from "./copy.ts";
import type { BaseImageResult } from "./base_image.ts";

const digestSchema = v.custom<Digest>((data) => typeof data === "string" && isDigest(data));

const knownSchema = v.looseObject({
  tag: v.string(),
  digest: digestSchema,
  manifestDigest: digestSchema,
  configDigest: digestSchema,
  label: v.string(),
  size: v.number(),
});

interface ResolvePlan extends Plan {
  known: ChosenBaseImage;
  confirmed: boolean;
}

/** Does the work of `baseImage`. */
export async function runBaseImage(
  options: BaseImageOptions = {},
  ctx: TaskContextOptions = {},
): Promise<BaseImageResult> {
  const context = resolveContext(ctx);
  const checked = checkBaseImage(options);
  const version = checked.version ?? await localNixVersion({ signal: context.signal });
  const resolved = await resolveBase(checked, version, options, context);
  const { to } = options;
  if (to === undefined) return resolved;
  const from = formatReference({ ...checked.repository, digest: resolved.digest });
  const copied = await copyBaseImage({ from, to, base: resolved }, options, context);
  const { copy, copyAhead } = copied;
  return {
    ...resolved,
    ...defined({ copy, copyAhead }),
    changed: resolved.changed || copied.changed,
    bytesMoved: resolved.bytesMoved + copied.bytesMoved,
    bytesReused: resolved.bytesReused + copied.bytesReused,
    requests: resolved.requests + copied.requests,
    why: `${resolved.why}; ${copied.why}`,
  };
}

async function resolveBase(
  checked: CheckedBaseImage,
  version: NixVersion,
  options: BaseImageOptions,
  context: TaskContext,
): Promise<BaseImageResult> {
  const { repository, platform, fallback } = checked;
  const subject = `${formatReference(repository)}:${version.version} ${formatPlatform(platform)}`;
  // Vendors without images of their own count by themselves, some of them beyond the numbers of Nix.
  const isForeign = version.release === undefined && version.vendor !== "nix";
  const key = `base-image ${subject}${isForeign ? ` of ${version.vendor}` : ""}` +
    (fallback === "none" ? "" : ` or ${fallback}`);
  const names = [version.version, formatReference(repository)];
  const entryOf = (name: string) => context.cache.entry(buckets.oci, name, knownSchema);
  let entry = entryOf(key);
  let confirmed = false;

  const plan = async (step: Step): Promise<ResolvePlan> => {
    const found = await look(step);
    noteFallback(found.known, version, step.meter);
    return found;
  };
  const look = async (step: Step): Promise<ResolvePlan> => {
    const pin = await context.lockfile?.pinned(key, ...names);
    let record = await entry.read();
    if (pin !== undefined && record?.value.digest !== pin.digest) {
      // What the tag means elsewhere than in this project is not for the pin to say.
      entry = entryOf(`${key} pinned to ${pin.digest}`);
      record = await entry.read();
    }
    const standing = record?.value;
    const unpinned = context.lockfile !== undefined && pin === undefined;
    if (standing !== undefined && (pin === undefined || pin.digest === standing.digest)) {
      const freshness = freshnessOf(record!.updatedMs, {
        refresh: unpinned && context.lockfile.moves(key, ...names) ? "all" : context.refresh,
        names,
        pinned: pin !== undefined,
        offline: context.offline,
        ...(checked.maxAgeMs === undefined ? {} : { maxAgeMs: checked.maxAgeMs }),
      }, { nowMs: context.cache.now(), runStartedMs: context.cache.startedMs });
      if (freshness.state === "fresh") {
        return planned(standing, unpinned, false, whyKnown(freshness.reason, record!.updatedMs));
      }
    }
    if (context.offline) {
      throw new UnreachableError(
        `Cannot find the base image "${subject}": the cache does not know it, and no registry may be asked`,
        { hint: "run once without --offline" },
      );
    }
    using hosts = await openImageHosts(options, context, {
      meter: step.meter,
      signal: step.signal,
    });
    // Where a fallback stands in, what was asked for may have come meanwhile.
    const isAsked = standing?.tag === version.release ||
      (version.release === undefined && fallback !== "minor");
    if (standing !== undefined && pin === undefined && isAsked && !isDigest(standing.tag)) {
      const source = await hosts.source({ ...repository, tag: standing.tag });
      if (await source.peek?.() === standing.digest) {
        confirmed = true;
        return planned(standing, unpinned, true, `the registry says that ${standing.tag} stands`);
      }
    }
    const known = await chooseBaseImage(hosts, checked, version, pin?.digest, step.signal);
    const changed = standing?.digest !== known.digest;
    if (!changed && pin === undefined && standing?.tag === known.tag) {
      confirmed = true;
      return planned(known, unpinned, true, `the registry says that ${known.tag} stands`);
    }
    const why = standing === undefined
      ? "it was not known yet"
      : changed
      ? `${standing.tag} was ${standing.digest} before`
      : "it was asked for again";
    return planned(known, true, false, why);
  };
  const planned = (
    known: ChosenBaseImage,
    changed: boolean,
    isConfirmed: boolean,
    why: string,
  ) => ({
    known,
    confirmed: isConfirmed,
    changed,
    bytesToMove: 0,
    bytesToReuse: 0,
    exact: true,
    requests: 0,
    why,
    objects: [],
  });
  const standing = ({ known }: ResolvePlan): Omit<BaseImageResult, keyof Figures> => ({
    reference: formatReference({
      ...repository,
      ...(isDigest(known.tag) ? {} : { tag: known.tag }),
      digest: known.digest,
    }),
    digest: known.digest,
    manifestDigest: known.manifestDigest,
    configDigest: known.configDigest,
    nixVersion: known.label,
    wantedVersion: version.version,
    platform: formatPlatform(platform),
    size: known.size,
  });
  const operation: Operation<ResolvePlan, void, Omit<BaseImageResult, keyof Figures>> = {
    kind: "base-image",
    subject,
    plan,
    move: () => Promise.resolve(),
    verify: () => Promise.resolve(),
    async commit(found) {
      await entry.write({ ...found.known }, { by: `base-image ${subject}` });
      const { digest, size } = found.known;
      await context.lockfile?.pin(key, { digest, size });
      return standing(found);
    },
    standing,
  };
  const result = await runOperation(operation, context);
  if (confirmed && !context.dryRun) await entry.update({});
  return result;
}

/** Why nobody is asked what a tag means. */
function whyKnown(reason: FreshReason, confirmedMs: number): string {
  const reasons: Record<FreshReason, string> = {
    "unchanging": "the lockfile pins its digest",
    "not to be asked": `its digest is known since ${new Date(confirmedMs).toISOString()}`,
    "young": `its digest was confirmed at ${new Date(confirmedMs).toISOString()}`,
    "just confirmed": "its digest was confirmed in this run",
  };
  return reasons[reason];
}
