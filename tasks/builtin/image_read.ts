import { formatBytes } from "../../lib/base/bytes.ts";
import { counted } from "../../lib/base/counted.ts";
import { arg } from "../../lib/runner/arg_builder.ts";
import { task } from "../../lib/runner/task.ts";
import { collectImages } from "../image/gc.ts";
import { removeImages } from "../image/rm.ts";
import { diffImages, inspectImage, listImages } from "../image/inspect.ts";
import { registryArgs, registryOptions } from "./registry_args.ts";

function place(description: string, example: string) {
  return arg.string({ description, positional: true, required: true, example });
}

/** `image:ls PLACE`. */
export const imageLsTask = task({
  name: "image:ls",
  query: true,
  description: "List the tags of a repository or of a layout",
  group: "images",
  args: {
    place: place(
      "The repository: docker://HOST/REPOSITORY, or oci:DIR for a layout",
      "oci:images/vm",
    ),
    ...registryArgs,
  },
  run: ({ args, ...ctx }) => listImages({ place: args.place, ...registryOptions(args) }, ctx),
  output: ({ tags }) => tags,
});

/** `image:inspect IMAGE`. */
export const imageInspectTask = task({
  name: "image:inspect",
  query: true,
  description: "Show what an image consists of, as JSON",
  group: "images",
  args: {
    image: place(
      "The image: docker://HOST/REPOSITORY:TAG, or oci:DIR:TAG for a layout",
      "docker://ghcr.io/acme/vm:latest",
    ),
    ...registryArgs,
  },
  run: ({ args, ...ctx }) => inspectImage({ image: args.image, ...registryOptions(args) }, ctx),
  output: (result) => JSON.stringify(result, undefined, 2),
});

/** `image:diff A B`. */
export const imageDiffTask = task({
  name: "image:diff",
  query: true,
  description: "Compare two images: = shared blobs, - blobs of A alone, + blobs of B alone",
  group: "images",
  args: {
    a: place(
      "The first image: docker://HOST/REPOSITORY:TAG, or oci:DIR:TAG for a layout",
      "oci:images/vm:1",
    ),
    b: place("The second image, written in the same way", "oci:images/vm:2"),
    ...registryArgs,
  },
  run: ({ args, ...ctx }) => diffImages({ a: args.a, b: args.b, ...registryOptions(args) }, ctx),
  output: (result) => [
    ...result.shared.map(({ digest, size }) => `= ${digest} ${size}`),
    ...result.onlyA.map(({ digest, size }) => `- ${digest} ${size}`),
    ...result.onlyB.map(({ digest, size }) => `+ ${digest} ${size}`),
    `shared ${formatBytes(result.bytesShared)}, only the first ${
      formatBytes(result.bytesOnlyA)
    }, only the second ${formatBytes(result.bytesOnlyB)}`,
  ],
});

/** `image:gc LAYOUT`. */
export const imageGcTask = task({
  name: "image:gc",
  description: "Delete the blobs of a layout that no tag refers to",
  group: "images",
  args: {
    layout: place("The layout: oci:DIR", "oci:images/vm"),
    untag: arg.list(arg.string({ description: "A name", placeholder: "TAG" }), {
      description: "A tag that is removed first",
    }),
    grace: arg.duration({
      description: "Minimum age of a blob that is deleted",
      default: 3_600_000,
    }),
  },
  run: ({ args, ...ctx }) =>
    collectImages({ layout: args.layout, untag: args.untag, graceMs: args.grace }, ctx),
  output: ({ removed, bytesFreed, dryRun }) => [
    ...removed,
    `${counted(removed.length, "blob")}, ${formatBytes(bytesFreed)} ${
      dryRun ? "would be removed" : "removed"
    }`,
  ],
});

/** `image:rm IMAGE...`. */
export const imageRmTask = task({
  name: "image:rm",
  description: "Remove tags, or digests with all of their tags",
  group: "images",
  args: {
    images: arg.list(arg.string({ description: "An image, by its tag or its digest" }), {
      description:
        "What is removed: docker://HOST/REPOSITORY:TAG, oci:DIR:TAG, or a digest: ...@sha256:...",
      positional: true,
      required: true,
      example: "docker://ghcr.io/acme/vm:old",
    }),
    blobs: arg.boolean({
      description: "The digests are those of blobs; images that need them break",
    }),
    insecureRegistry: registryArgs.insecureRegistry,
    registriesConf: registryArgs.registriesConf,
  },
  run: ({ args, ...ctx }) =>
    removeImages({
      images: args.images,
      blobs: args.blobs,
      insecureRegistries: args.insecureRegistry,
      registriesConf: args.registriesConf,
    }, ctx),
  output: ({ removed, absent }) => [
    ...removed,
    ...absent.map((name) => `${name} was not there`),
  ],
});
