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
import type { CacheEntry } from "../../lib/cache/cache_entry.ts";
import type { EntryRecord } from "../../lib/cache/entry_record.ts";
import { freshnessOf, type FreshReason } from "../../lib/cache/freshness.ts";
import type { Pin } from "../../lib/cache/lockfile.ts";
import type { NixVersion } from "../../lib/nix/program/nix_version.ts";
import type { ImageHosts } from "../../lib/oci/copy/image_hosts.ts";
import { formatPlatform } from "../../lib/oci/platform.ts";
import { formatReference } from "../../lib/oci/reference.ts";
import type { Figures, Plan } from "../../lib/operation/figures.ts";
import type { Operation, Step } from "../../lib/operation/operation.ts";
import type { TaskContext } from "../../lib/runner/context.ts";
import { openImageHosts } from "../shared/registries.ts";
import type { BaseImageResult } from "./base_image.ts";
import { chooseBaseImage, type ChosenBaseImage, noteFallback } from "./choice.ts";
import type { BaseImageOptions, CheckedBaseImage } from "./options.ts";

type Standing = Omit<BaseImageResult, keyof Figures>;

/** What it was found to be. */
interface ResolvePlan extends Plan {
  readonly known: ChosenBaseImage;
}

/** What is known before anybody is asked. */
interface Remembered {
  /** What the lockfile pins. */
  readonly pin: Pin | undefined;
  /** What was found by an earlier run. */
  readonly record: EntryRecord<ChosenBaseImage> | undefined;
}

/** What a {@linkcode BaseResolution} works with. */
export interface BaseResolutionOptions {
  /** What was asked for. */
  readonly asked: BaseImageOptions;
  /** The same, checked. */
  readonly checked: CheckedBaseImage;
  /** The version of Nix that the image is to hold. */
  readonly version: NixVersion;
  /** What it runs in. */
  readonly context: TaskContext;
}

const digestSchema = v.custom<Digest>((data) => typeof data === "string" && isDigest(data));

const knownSchema = v.looseObject({
  tag: v.string(),
  digest: digestSchema,
  manifestDigest: digestSchema,
  configDigest: digestSchema,
  label: v.string(),
  size: v.number(),
});

/** Finds out which image a version of Nix has, and remembers it. */
export class BaseResolution implements Operation<ResolvePlan, void, Standing> {
  readonly kind = "base-image";
  readonly subject: string;
  readonly #of: BaseResolutionOptions;
  /** Under what it is remembered and pinned. */
  readonly #key: string;
  /** By what else an update or a refresh may name it. */
  readonly #names: readonly string[];
  #entry: CacheEntry<ChosenBaseImage>;
  #isConfirmed = false;

  /** Asks nobody yet. */
  constructor(of: BaseResolutionOptions) {
    const { version, checked: { repository, platform, fallback } } = of;
    this.#of = of;
    const place = formatReference(repository);
    this.subject = `${place}:${version.version} ${formatPlatform(platform)}`;
    // Vendors without images of their own count by themselves, some of them beyond the numbers of Nix.
    const isForeign = version.release === undefined && version.vendor !== "nix";
    this.#key = `base-image ${this.subject}${isForeign ? ` of ${version.vendor}` : ""}` +
      (fallback === "none" ? "" : ` or ${fallback}`);
    this.#names = [version.version, ...version.release ? [version.release] : [], place];
    this.#entry = this.#entryOf(this.#key);
  }

  async plan(step: Step): Promise<ResolvePlan> {
    const found = await this.#look(step);
    noteFallback(found.known, this.#of.version, step.meter);
    return found;
  }

  async move(): Promise<void> {}

  async verify(): Promise<void> {}

  async commit(plan: ResolvePlan): Promise<Standing> {
    await this.#entry.write({ ...plan.known }, { by: `base-image ${this.subject}` });
    const { digest, size } = plan.known;
    await this.#of.context.lockfile?.pin(this.#key, { digest, size });
    return this.standing(plan);
  }

  standing({ known }: ResolvePlan): Standing {
    const { version, checked: { repository, platform } } = this.#of;
    const { digest, manifestDigest, configDigest, size, tag } = known;
    return {
      reference: formatReference({ ...repository, ...(isDigest(tag) ? {} : { tag }), digest }),
      digest,
      manifestDigest,
      configDigest,
      nixVersion: known.label,
      wantedVersion: version.version,
      platform: formatPlatform(platform),
      size,
    };
  }

  /** Writes down that the registry said now that what is known stands, where it did. */
  async keepConfirmation(): Promise<void> {
    if (this.#isConfirmed && !this.#of.context.dryRun) await this.#entry.update({});
  }

  async #look({ meter, signal }: Step): Promise<ResolvePlan> {
    const { asked, checked, version, context } = this.#of;
    const remembered = await this.#remember();
    const fresh = this.#whereFresh(remembered);
    if (fresh !== undefined) return fresh;
    if (context.offline) {
      throw new UnreachableError(
        `Cannot find the base image "${this.subject}": the cache does not know it, and no registry may be asked`,
        { hint: "run once without --offline" },
      );
    }
    using hosts = await openImageHosts(asked, context, { meter, signal });
    const standing = await this.#whereTagStands(remembered, hosts);
    if (standing !== undefined) return standing;
    const { pin } = remembered;
    const known = await chooseBaseImage(hosts, checked, version, pin?.digest, signal);
    return this.#compared(known, remembered);
  }

  async #remember(): Promise<Remembered> {
    const pin = await this.#of.context.lockfile?.pinned(this.#key, ...this.#names);
    const record = await this.#entry.read();
    if (pin === undefined || record?.value.digest === pin.digest) return { pin, record };
    // What the tag means elsewhere than in this project is not for the pin to say.
    this.#entry = this.#entryOf(`${this.#key} pinned to ${pin.digest}`);
    const pinned = await this.#entry.read();
    return { pin, record: pinned?.value.digest === pin.digest ? pinned : undefined };
  }

  /** What is known, where it is fresh enough that nobody is asked. */
  #whereFresh({ pin, record }: Remembered): ResolvePlan | undefined {
    if (record === undefined) return undefined;
    const { checked: { maxAgeMs }, context: { cache, lockfile, refresh, offline } } = this.#of;
    const isUnpinned = this.#isUnpinned(pin);
    const names = this.#names;
    const freshness = freshnessOf(record.updatedMs, {
      refresh: isUnpinned && lockfile?.moves(this.#key, ...names) ? "all" : refresh,
      names,
      pinned: pin !== undefined,
      offline,
      ...defined({ maxAgeMs }),
    }, { nowMs: cache.now(), runStartedMs: cache.startedMs });
    if (freshness.state !== "fresh") return undefined;
    return planOf(record.value, isUnpinned, whyKnown(freshness.reason, record.updatedMs));
  }

  /** What is known, where the registry says that its tag means it still. */
  async #whereTagStands(
    { pin, record }: Remembered,
    hosts: ImageHosts,
  ): Promise<ResolvePlan | undefined> {
    if (record === undefined || pin !== undefined) return undefined;
    const { version, checked: { repository, fallback } } = this.#of;
    const { tag, digest } = record.value;
    // Where a fallback stands in, what was asked for may have come meanwhile.
    const isAsked = tag === version.release ||
      (version.release === undefined && fallback !== "minor");
    if (!isAsked || isDigest(tag)) return undefined;
    const source = await hosts.source({ ...repository, tag });
    if (await source.peek?.() !== digest) return undefined;
    return this.#confirmed(record.value);
  }

  #compared(known: ChosenBaseImage, { pin, record }: Remembered): ResolvePlan {
    if (record === undefined) return planOf(known, true, "it was not known yet");
    const before = record.value;
    if (before.digest !== known.digest) {
      return planOf(known, true, `${before.tag} was ${before.digest} before`);
    }
    if (pin === undefined && before.tag === known.tag) return this.#confirmed(known);
    return planOf(known, true, "it was asked for again");
  }

  /** What is not pinned, and was said to stand. */
  #confirmed(known: ChosenBaseImage): ResolvePlan {
    this.#isConfirmed = true;
    return planOf(known, this.#isUnpinned(undefined), `the registry says that ${known.tag} stands`);
  }

  /** Whether there is a lockfile that is to hold it from now on. */
  #isUnpinned(pin: Pin | undefined): boolean {
    return this.#of.context.lockfile !== undefined && pin === undefined;
  }

  #entryOf(name: string): CacheEntry<ChosenBaseImage> {
    return this.#of.context.cache.entry(buckets.oci, name, knownSchema);
  }
}

function planOf(known: ChosenBaseImage, changed: boolean, why: string): ResolvePlan {
  return {
    known,
    changed,
    bytesToMove: 0,
    bytesToReuse: 0,
    exact: true,
    requests: 0,
    why,
    objects: [],
  };
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
