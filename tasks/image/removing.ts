import { checkOptions } from "../../lib/base/check_options.ts";
import { counted } from "../../lib/base/counted.ts";
import { UsageError } from "../../lib/base/errors.ts";
import type { ImageHosts } from "../../lib/oci/copy/image_hosts.ts";
import { type ImageReference, parseReference } from "../../lib/oci/reference.ts";
import { removeBlob, removeImage } from "../../lib/oci/copy/remove_image.ts";
import { resolveContext, type TaskContextOptions } from "../../lib/runner/context.ts";
import { openImageHosts } from "../shared/registries.ts";
import { inWords } from "../shared/in_words.ts";
import { checkOffline } from "./checks.ts";
import type { RemoveImagesOptions, RemoveImagesResult } from "./rm.ts";

/** Does the work of `removeImages`. */
export async function runRemoveImages(
  options: RemoveImagesOptions,
  ctx: TaskContextOptions = {},
): Promise<RemoveImagesResult> {
  checkOptions(options, { images: "texts" }, {
    blobs: "switch",
    insecureRegistries: "texts",
    registriesConf: "text",
  });
  const context = resolveContext(ctx);
  // All of them are read before the first goes: a slip of the pen must not leave half of the work done.
  const parse = options.blobs ? parseBlob : parseSingle;
  const wanted = options.images.map((name) => ({ name, ...parse(name) }));
  checkOffline(context, "remove", ...wanted.map(({ reference }) => reference));
  const { insecureRegistries, registriesConf } = options;
  using hosts = await openImageHosts({ insecureRegistries, registriesConf }, context);
  const removed: string[] = [];
  const absent: string[] = [];
  for (const { name, remove } of wanted) {
    context.signal.throwIfAborted();
    const found = await inWords(`remove "${name}"`, () => remove(hosts, context.dryRun));
    (found ? removed : absent).push(name);
  }
  const why = `the registries and layouts had ${removed.length} of ${
    counted(wanted.length, "name")
  }`;
  return { changed: removed.length > 0, removed, absent, why, dryRun: context.dryRun };
}

/** One thing to be removed. */
interface Removal {
  readonly reference: ImageReference;
  remove(hosts: ImageHosts, dryRun: boolean): Promise<boolean>;
}

function parseSingle(name: string): Removal {
  const reference = parseReference(name);
  const place = reference.transport === "oci" ? "oci:DIR" : "docker://HOST/REPOSITORY";
  if ((reference.tag === undefined) !== (reference.digest === undefined)) {
    return { reference, remove: (hosts, dryRun) => removeImage(reference, hosts, dryRun) };
  }
  throw new UsageError(
    `Cannot remove "${name}": it names ${
      reference.tag === undefined ? "no tag and no digest" : "a tag and a digest"
    }`,
    { hint: `write ${place}:TAG or ${place}@sha256:...` },
  );
}

function parseBlob(name: string): Removal {
  const reference = parseReference(name);
  const { transport, tag, digest } = reference;
  if (transport === "docker" && tag === undefined && digest !== undefined) {
    const blob = { ...reference, digest };
    return { reference, remove: (hosts, dryRun) => removeBlob(blob, hosts, dryRun) };
  }
  throw new UsageError(`Cannot remove "${name}" as a blob: it names no digest of a registry`, {
    hint: "write docker://HOST/REPOSITORY@sha256:...; in a layout, image:gc removes blobs",
  });
}
