import { checkOptions, refusedOption } from "../../lib/base/check_options.ts";
import { dirname } from "@std/path";
import { defined } from "../../lib/base/defined.ts";
import type { Digest } from "../../lib/base/digest.ts";
import { isDigest } from "../../lib/base/digest_text.ts";
import { UsageError } from "../../lib/base/errors.ts";
import { parseDuration } from "../../lib/base/duration.ts";
import type { RateLimit } from "../../lib/base/rate_limit.ts";
import type { RetryPolicy } from "../../lib/http/retry_policy.ts";
import { parseReleaseAsset } from "../../lib/kexec/release_asset.ts";
import { CachedDownload } from "../../lib/operation/cached_download.ts";
import type { CachedDownloadOptions } from "../../lib/operation/cached_download_options.ts";
import { runOperation } from "../../lib/operation/run_operation.ts";
import {
  resolveContext,
  type TaskContext,
  type TaskContextOptions,
} from "../../lib/runner/context.ts";
import { kexecUrl } from "./release.ts";
import type { CacheKexecOptions, CacheKexecResult } from "./kexec.ts";

/** Does the work of `cacheKexec`. */
export async function runCacheKexec(
  options: CacheKexecOptions = {},
  ctx: TaskContextOptions = {},
): Promise<CacheKexecResult> {
  const context = resolveContext(ctx);
  const checked = await checkedOptions(options);
  if (options.store) await checkNix(context.signal);
  const result = await run(checked, options, context);
  if (result.changed) {
    const { collectAfter } = await import("../shared/collect_after.ts");
    await collectAfter(context);
  }
  if (context.dryRun) {
    const { foreseeBundle } = await import("./foreseen_bundle.ts");
    const { path, digest, size, changed } = result;
    const foreseen = defined({ digest, size: size > 0 ? size : undefined });
    foreseeBundle(path, changed ? foreseen : undefined);
    if (!options.unpack) return result;
    const { foreseeParts } = await import("./parts.ts");
    return { ...result, ...await foreseeParts(result, checked.url, context) };
  }
  const { digest } = result;
  if (digest === undefined) return result;
  const stored = options.store ? await intoStore(result, checked.url, context) : {};
  if (!options.unpack) return { ...result, ...stored };
  const { unpackParts } = await import("./parts.ts");
  return {
    ...result,
    ...stored,
    ...await unpackParts({ ...result, digest }, checked.url, context),
  };
}

async function intoStore(
  bundle: CacheKexecResult,
  url: string,
  { cache, signal }: TaskContext,
): Promise<Pick<CacheKexecResult, "storePath" | "fetchurl">> {
  const { putIntoStore } = await import("./store.ts");
  return await putIntoStore(cache, url, bundle, signal);
}

/** That there is no Nix is told before anything moves. */
async function checkNix(signal: AbortSignal): Promise<void> {
  const { runNixStore } = await import("../../lib/nix/program/run_nix_store.ts");
  await runNixStore(["--version"], { signal });
}

async function run(
  checked: Checked,
  { arch, releaseApi, limitRate, store = false }: CacheKexecOptions,
  context: TaskContext,
): Promise<CacheKexecResult> {
  const rateLimit = limitRate === undefined ? undefined : await rateLimitOf(limitRate);
  await using operation = new CachedDownload({
    cache: context.cache,
    kind: "kexec",
    action: "fetch the kexec bundle",
    refresh: context.refresh,
    offline: context.offline,
    inspect: async (name) => {
      const { BundleInspector } = await import("../../lib/kexec/bundle_inspector.ts");
      return new BundleInspector({ name, ...defined({ architecture: arch }) });
    },
    ...defined({ vouch: voucher(checked, releaseApi) }),
    compare: async (before, after, { meter, signal }) => {
      const [{ checkBundle }, { describeDifference }, { diffBundles }] = await Promise.all([
        import("../../lib/kexec/check_bundle.ts"),
        import("../../lib/kexec/describe_difference.ts"),
        import("../../lib/kexec/diff_bundles.ts"),
      ]);
      const [old, now] = await Promise.all(
        [before, after].map((path) => checkBundle(path, { name: checked.url, signal })),
      );
      for (const line of describeDifference(diffBundles(old!, now!))) meter.note(line);
    },
    ...defined({ lockfile: context.lockfile, rateLimit }),
    ...checked,
  });
  const result = await runOperation(operation, context);
  if (context.dryRun) return result;
  const report = (message: string) =>
    context.report({
      operation: crypto.randomUUID(),
      kind: operation.kind,
      subject: operation.subject,
      type: "note",
      level: "warning",
      message,
    });
  await operation.settle(result, { signal: context.signal, report });
  const storeRoot = store ? undefined : strangeRoot(result, operation.before);
  if (storeRoot !== undefined) {
    const { renewRoot } = await import("./store.ts");
    const { signal } = context;
    await renewRoot(context.cache, checked.url, result, { storeRoot, signal, report });
  }
  return result;
}

/** The link that keeps the bundle in the Nix store, if the cache had another path when it was made: Nix looks for it there. */
function strangeRoot(
  { path, digest }: CacheKexecResult,
  before: CachedDownload["before"],
): string | undefined {
  const { storeRoot = "", digest: stored } = before?.value ?? {};
  const isStrange = storeRoot !== "" && stored === digest && dirname(storeRoot) !== dirname(path);
  return isStrange ? storeRoot : undefined;
}

async function rateLimitOf(bytesPerSecond: number): Promise<RateLimit> {
  const { RateLimit } = await import("../../lib/base/rate_limit.ts");
  return new RateLimit(bytesPerSecond);
}

/** Asks the API of the release for the digest, where the URL is of a release. */
function voucher(
  { url, ...patience }: Checked,
  releaseApi: string | false | undefined,
): CachedDownloadOptions["vouch"] {
  const ofGitHub = new URL(url).host === "github.com" ? "https://api.github.com" : undefined;
  const api = releaseApi === false ? undefined : releaseApi ?? ofGitHub;
  const asset = parseReleaseAsset(url);
  if (api === undefined || asset === undefined) return undefined;
  return async (step) => {
    const { askRelease } = await import("./ask_release.ts");
    return await askRelease(asset, api, patience, step);
  };
}

type Checked = Omit<
  CachedDownloadOptions,
  "cache" | "kind" | "action" | "refresh" | "offline" | "inspect" | "compare" | "lockfile" | "vouch"
>;

const leastRate = 1024;

async function checkedOptions(options: CacheKexecOptions): Promise<Checked> {
  checkOptions(options, {}, {
    url: "text",
    mirrors: "texts",
    connections: "number",
    limitRate: "number",
    sha256: "text",
    headers: "object",
    retry: "object",
    idleTimeoutMs: "milliseconds",
    staleIfError: "switch",
    store: "switch",
    unpack: "switch",
  });
  const { release, arch, variant, url, mirrors = [], connections, maxAge, sha256 } = options;
  if (url !== undefined) {
    for (const [name, value] of Object.entries({ release, arch, variant })) {
      if (value === undefined) continue;
      throw new UsageError(
        `Cannot use ${name} "${value}": the option url names the bundle already`,
      );
    }
  }
  for (const each of url === undefined ? mirrors : [url, ...mirrors]) checkUrl(each);
  if (connections !== undefined && !isWithin(connections, 1, 16)) {
    throw new UsageError(`Cannot use ${connections} connections: it is not a number from 1 to 16`);
  }
  const { limitRate } = options;
  if (limitRate !== undefined && !(limitRate >= leastRate && Number.isFinite(limitRate))) {
    throw new UsageError(`Cannot limit the rate to ${limitRate} bytes a second: it is below 1024`);
  }
  const maxAgeMs = maxAge === "origin"
    ? maxAge
    : typeof maxAge === "string"
    ? parseDuration(maxAge)
    : maxAge;
  if (maxAgeMs !== undefined && typeof maxAgeMs !== "number" && maxAgeMs !== "origin") {
    throw refusedOption("maxAge", maxAgeMs, "a number of milliseconds or a text");
  }
  if (typeof maxAgeMs === "number" && !(maxAgeMs >= 0)) {
    throw new UsageError(`Cannot use the maximum age ${maxAge}: it is not a time`);
  }
  return {
    url: url ?? kexecUrl(defined({ release, arch, variant })),
    names: release === undefined ? [] : [release],
    mirrors,
    ...defined({
      digest: sha256 === undefined ? undefined : await digestOf(sha256),
      connections,
      maxAgeMs,
      staleIfError: options.staleIfError,
      headers: options.headers,
      retry: await retryOf(options.retry),
      idleTimeoutMs: options.idleTimeoutMs,
    }),
  };
}

async function retryOf(given: CacheKexecOptions["retry"]): Promise<RetryPolicy | undefined> {
  if (given === undefined) return undefined;
  const { wholeRetryPolicy } = await import("../../lib/http/whole_retry_policy.ts");
  return wholeRetryPolicy(given);
}

function isWithin(value: number, least: number, most: number): boolean {
  return Number.isInteger(value) && value >= least && value <= most;
}

function checkUrl(url: string): void {
  const protocol = URL.canParse(url) ? new URL(url).protocol : undefined;
  if (protocol === "http:" || protocol === "https:") return;
  throw new UsageError(`Cannot use the URL ${JSON.stringify(url)}: it is not an http or https URL`);
}

/** The usual spelling needs nothing loaded; the others are Nix's. */
async function digestOf(text: string): Promise<Digest> {
  const usual = `sha256:${text.toLowerCase().replace(/^sha256:/, "")}`;
  if (isDigest(usual)) return usual;
  const { parseSha256 } = await import("../../lib/nix/sha256_text.ts");
  return parseSha256(text);
}
