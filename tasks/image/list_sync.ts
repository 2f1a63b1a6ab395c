/**
 * Many images in one go: by name, by tag, to several places.
 *
 * @module
 */
import { checkOptions } from "../../lib/base/check_options.ts";
import { counted } from "../../lib/base/counted.ts";
import { KedgeError, UsageError, VerificationError } from "../../lib/base/errors.ts";
import { silentMeter } from "../../lib/base/meter.ts";
import {
  type DestinationReference,
  formatDestination,
  parseDestination,
} from "../../lib/oci/engine_reference.ts";
import { formatReference, parseReference } from "../../lib/oci/reference.ts";
import { isLayoutName, isTag } from "../../lib/oci/reference_grammar.ts";
import type { ImageHosts } from "../../lib/oci/copy/image_hosts.ts";
import { imagesAmong } from "../../lib/oci/referrers.ts";
import {
  resolveContext,
  type TaskContext,
  type TaskContextOptions,
} from "../../lib/runner/context.ts";
import { inWords } from "../shared/in_words.ts";
import { checkOffline, copyShapes } from "./checks.ts";
import { copyImages } from "./copies.ts";
import type { ListFailures } from "./list_failures.ts";
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
  const chosen: ChosenImages[] = [];
  for (const image of options.images) chosen.push(await chosenOf(image, context));
  const listed = await routesOfAll(chosen, options, context, failures);
  const { routes } = listed;
  let { requests: requestsBefore } = listed;
  if (failures === undefined) return await copyImages(routes, options, context, { requestsBefore });
  return await failures.copyOthers(routes, (left, onFailure) => {
    const before = requestsBefore;
    requestsBefore = 0;
    return copyImages(left, options, context, { requestsBefore: before, onFailure });
  });
}

/** Asks which tags there are, of each repository in turn; what cannot be listed is told where the others go on without it. */
async function routesOfAll(
  chosen: readonly ChosenImages[],
  options: SyncImagesOptions,
  context: TaskContext,
  failures: ListFailures | undefined,
): Promise<{ routes: ImageRoute[]; requests: number }> {
  const routes: ImageRoute[] = [];
  let requests = 0;
  const meter = { ...silentMeter, request: () => void requests++ };
  using hosts = chosen.some(({ tags }) => tags !== undefined)
    ? await (await import("../shared/registries.ts")).openImageHosts(options, context, { meter })
    : undefined;
  for (const each of chosen) {
    try {
      routes.push(...await routesOf(each, hosts, options, context));
    } catch (error) {
      if (failures === undefined) throw error;
      failures.add(formatReference(each.from), error);
    }
  }
  return { routes, requests };
}

/** What an entry of a list names. */
interface ChosenImages extends ImageRoute {
  /** Which tags are wanted, where it is not the one that it names. */
  readonly tags?: { readonly text: string; readonly fits: (tag: string) => boolean };
}

async function chosenOf(image: ImageToSync, context: TaskContext): Promise<ChosenImages> {
  const from = parseReference(image.from);
  const to = [image.to].flat().map(parseDestination);
  if (to.length === 0) throw new UsageError(`Cannot sync "${image.from}": it has no destination`);
  const { tags: text } = image;
  if (text === undefined) return { from, to };
  const { parseTagFilter } = await import("../../lib/oci/tag_filter.ts");
  const fits = parseTagFilter(text);
  for (const reference of [from, ...to]) checkBare(reference);
  checkOffline(context, "sync", from, ...to);
  return { from, to, tags: { text, fits } };
}

async function routesOf(
  { from, to, tags: wanted }: ChosenImages,
  hosts: ImageHosts | undefined,
  options: SyncImagesOptions,
  context: TaskContext,
): Promise<ImageRoute[]> {
  if (wanted === undefined || hosts === undefined) return [{ from, to }];
  const [{ parseTagFilter }, { listTags }] = await Promise.all([
    import("../../lib/oci/tag_filter.ts"),
    import("../../lib/oci/copy/list_tags.ts"),
  ]);
  const { text, fits } = wanted;
  const name = formatReference(from);
  const all = await inWords(`list "${name}"`, () => listTags(from, hosts));
  const tags = all.filter(fits);
  if (options.pin && from.transport === "docker") {
    const { noteUnlisted } = await import("./pins.ts");
    await noteUnlisted(from, fits, all, context);
  }
  if (tags.length === 0) {
    throw new KedgeError(`Cannot sync "${name}": no tag fits ${JSON.stringify(text)}`, {
      side: "source",
      hint: rangeHint(text, all, parseTagFilter) ?? hintOf(imagesAmong(all, (tag) => tag)),
    });
  }
  for (const tag of tags) to.forEach((each) => checkName(each, tag, name));
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
    `Cannot sync "${from}": the name ${JSON.stringify(name.slice(0, 100))} in it is not a tag`,
    { side: "source", hint: "choose others with --tags" },
  );
}
