import { arg } from "../../lib/runner/arg_builder.ts";
import { task } from "../../lib/runner/task.ts";
import { syncImages, type SyncImagesResult } from "../image/list.ts";
import { registryArgs, registryOptions } from "./registry_args.ts";

/** `image:sync FROM TO`. */
export const imageSyncTask = task({
  name: "image:sync",
  description: "Copy an image between registries and layouts, or into an engine; only what changed",
  group: "images",
  args: {
    from: arg.string({
      description: "The image: docker://HOST/REPOSITORY:TAG, or oci:DIR:TAG for a layout",
      positional: true,
      required: true,
      example: "docker://ghcr.io/acme/vm:latest",
    }),
    to: arg.string({
      description: "The destination: as FROM, or podman:NAME or docker-daemon:NAME for an engine",
      positional: true,
      required: true,
      example: "oci:images/vm",
    }),
    platform: arg.list(arg.string({ description: "A platform", placeholder: "OS/ARCH" }), {
      description: "Which image of an index is copied, such as linux/arm64",
      defaultText: "that of this machine",
    }),
    allPlatforms: arg.boolean({
      description: "Copy an index whole, with the images of all its platforms",
    }),
    ...registryArgs,
    tags: arg.string({
      description:
        "Which tags of FROM are copied: a regular expression, or semver: and a range (>=1.2 <2, ^1.2, ~1.2, 1.x)",
    }),
    also: arg.list(arg.string({ description: "A destination", placeholder: "TO" }), {
      description: "Another destination; each blob is read once for all of them",
    }),
    referrers: arg.boolean({
      description: "Copy signatures and other referrers too, and cosign's tags",
    }),
    pin: arg.boolean({
      description: "Copy the digests that the lockfile pins for the tags, and pin new tags",
    }),
    verifyExisting: arg.boolean({
      description: "Hash what the destination has already, instead of trusting its digest and size",
    }),
    concurrency: arg.number({
      description: "Maximum number of blobs at once; adapted to what the registry accepts",
      integer: true,
      min: 1,
      max: 64,
      default: 16,
    }),
  },
  run: ({ args, ...ctx }) =>
    syncImages({
      images: [{ from: args.from, to: [args.to, ...args.also ?? []], tags: args.tags }],
      platforms: args.platform,
      allPlatforms: args.allPlatforms,
      ...registryOptions(args),
      concurrency: args.concurrency,
      referrers: args.referrers,
      pin: args.pin,
      verifyExisting: args.verifyExisting,
    }, ctx),
  output: (result: SyncImagesResult) => result.images.map(({ reference }) => reference),
});
