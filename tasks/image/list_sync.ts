/**
 * Many images in one go: by name, by tag, to several places.
 *
 * @module
 */
import { checkOptions } from "../../lib/base/check_options.ts";
import { counted } from "../../lib/base/counted.ts";
import { KedgeError, UsageError, VerificationError } from "../../lib/base/errors.ts";
import { type Meter, silentMeter } from "../../lib/base/meter.ts";
import {
  type DestinationReference,
  formatDestination,
  parseDestination,
} from "../../lib/oci/engine_reference.ts";
import { parseReference } from "../../lib/oci/reference.ts";
import { isLayoutName, isTag } from "../../lib/oci/reference_grammar.ts";
import { imagesAmong } from "../../lib/oci/referrers.ts";
import {
  resolveContext,
  type TaskContext,
  type TaskContextOptions,
} from "../../lib/runner/context.ts";
import { inWords } from "../shared/in_words.ts";
import { checkOffline, copyShapes } from "./checks.ts";
import { copyImages } from "./copies.ts";
import type { ImageRoute } from "./routes.ts";
import type { ImageToSync, SyncImagesOptions, SyncImagesResult } from "./list.ts";

export { collectingAfter } from "../shared/collecting_after.ts";

/** Does the work of `syncImages`. */
export async function runSyncImages(
  options: SyncImagesOptions,
  ctx: TaskContextOptions = {},
): Promise<SyncImagesResult> {
  checkOptions(options, { images: "list" }, { ...copyShapes, keepGoing: "switch" });
  for (const image of options.images) {
    checkOptions(image, { from: "text", to: "text or texts" }, { tags: "text" });
  }
  const context = resolveContext(ctx);
  if (options.pin) (await import("./pins.ts")).pinningLockfile(context);
  if (options.images.length === 0) {
    throw new UsageError("Cannot sync images: the list is empty");
  }
  const failures = options.keepGoing ?? context.keepGoing
    ? new (await import("./list_failures.ts")).ListFailures(context)
    : undefined;
  const routes: ImageRoute[] = [];
  let requestsBefore = 0;
  const meter = { ...silentMeter, request: () => void requestsBefore++ };
  for (const image of options.images) {
    try {
      routes.push(...await routesOf(image, options, context, meter));
    } catch (error) {
      if (failures === undefined || error instanceof UsageError) throw error;
      failures.add(image.from, error);
    }
  }
  if (failures === undefined) return await copyImages(routes, options, context, { requestsBefore });
  return await failures.copyOthers(routes, (left, onFailure) => {
    const before = requestsBefore;
    requestsBefore = 0;
    return copyImages(left, options, context, { requestsBefore: before, onFailure });
  });
}

async function routesOf(
  image: ImageToSync,
  options: SyncImagesOptions,
  context: TaskContext,
  meter: Meter,
): Promise<ImageRoute[]> {
  const from = parseReference(image.from);
  const to = [image.to].flat().map(parseDestination);
  if (to.length === 0) throw new UsageError(`Cannot sync "${image.from}": it has no destination`);
  if (image.tags === undefined) return [{ from, to }];
  const [{ parseTagFilter }, { listTags }, { openImageHosts }] = await Promise.all([
    import("../../lib/oci/tag_filter.ts"),
    import("../../lib/oci/copy/list_tags.ts"),
    import("../shared/registries.ts"),
  ]);
  const fits = parseTagFilter(image.tags);
  for (const reference of [from, ...to]) checkBare(reference);
  checkOffline(context, "sync", from, ...to);
  using hosts = await openImageHosts(options, context, { meter });
  const all = await inWords(`list "${image.from}"`, () => listTags(from, hosts));
  const tags = all.filter(fits);
  if (options.pin && from.transport === "docker") {
    const { noteUnlisted } = await import("./pins.ts");
    await noteUnlisted(from, fits, all, context);
  }
  if (tags.length === 0) {
    throw new KedgeError(`Cannot sync "${image.from}": no tag fits ${JSON.stringify(image.tags)}`, {
      side: "source",
      hint: rangeHint(image.tags, all, parseTagFilter) ?? hintOf(imagesAmong(all, (tag) => tag)),
    });
  }
  for (const tag of tags) to.forEach((each) => checkName(each, tag, image.from));
  return tags.map((tag) => ({ from: { ...from, tag }, to: to.map((each) => ({ ...each, tag })) }));
}

/** Who leaves out `semver:` before a range of versions has written an expression that fits nothing. */
function rangeHint(
  tags: string,
  names: readonly string[],
  parse: (text: string) => (tag: string) => boolean,
): string | undefined {
  const range = `semver:${tags}`;
  try {
    const count = names.filter(parse(range)).length;
    return count === 0 ? undefined : `${JSON.stringify(range)} fits ${counted(count, "tag")}`;
  } catch (error) {
    if (error instanceof UsageError) return undefined;
    throw error;
  }
}

/** The first names that there are, for who looked for others; they are from outside. */
function hintOf(names: readonly string[]): string {
  if (names.length === 0) return "it has no tags";
  const some = names.slice(0, 5).map((name) => JSON.stringify(name.slice(0, 100))).join(", ");
  return names.length > 5
    ? `of its ${names.length} tags, some are ${some}`
    : `it has the tags ${some}`;
}

function checkBare(reference: DestinationReference): void {
  if (reference.tag === undefined && reference.digest === undefined) return;
  throw new UsageError(
    `Cannot choose tags of "${formatDestination(reference)}": it names one already`,
    { hint: "leave out the tag, or --tags" },
  );
}

/** A name that another place gave becomes a part of the destination's URL: in a layout it may be anything. */
function checkName({ transport }: DestinationReference, name: string, from: string): void {
  if (transport === "oci" ? isLayoutName(name) : isTag(name)) return;
  throw new VerificationError(
    `Cannot sync "${from}": the name ${JSON.stringify(name.slice(0, 100))} in it is no tag`,
    { side: "source", hint: "choose others with --tags" },
  );
}
