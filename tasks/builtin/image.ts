import { arg } from "../../lib/runner/arg_builder.ts";
import { task } from "../../lib/runner/task.ts";
import { syncImages, type SyncImagesResult } from "../image/list.ts";
import { registryArgs, registryOptions } from "./registry_args.ts";

/** `image:sync FROM TO`. */
export const imageSyncTask = task({
  name: "image:sync",
  description: "Bring an image from a registry or a layout to another, only what changed",
  group: "images",
  args: {
    from: arg.string({
      description: "Where the image is: docker://HOST/REPOSITORY:TAG, or oci:DIR:TAG for a layout",
      positional: true,
      required: true,
      example: "docker://ghcr.io/acme/vm:latest",
    }),
    to: arg.string({
      description: "Where it goes: as FROM, or podman:NAME or docker-daemon:NAME for an engine",
      positional: true,
      required: true,
      example: "oci:images/vm",
    }),
    platform: arg.list(arg.string({ description: "A platform", placeholder: "OS/ARCH" }), {
      description: "A platform that is wanted of an index; this machine's without it",
    }),
    allPlatforms: arg.boolean({ description: "Copy an index whole" }),
    ...registryArgs,
    tags: arg.string({
      description:
        "Which tags of FROM are wanted: a regular expression, or semver: and a range (>=1.2 <2, ^1.2, ~1.2, 1.x)",
    }),
    also: arg.list(arg.string({ description: "A destination", placeholder: "TO" }), {
      description: "A further destination; each blob is read once",
    }),
    referrers: arg.boolean({
      description: "Copy signatures and the like along, cosign's tags too",
    }),
    pin: arg.boolean({
      description: "Hold the tags to what the lockfile pins, and pin those that are new there",
    }),
    verifyExisting: arg.boolean({ description: "Hash what the destination has already" }),
    concurrency: arg.number({
      description: "The most blobs that may be under way; it follows what the registry takes",
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
