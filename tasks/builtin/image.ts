import { arg } from "../../lib/runner/arg_builder.ts";
import { task } from "../../lib/runner/task.ts";
import { syncImage, type SyncImageResult } from "../image.ts";

/** `image:sync FROM TO`. */
export const imageSyncTask = task({
  name: "image:sync",
  description: "Bring an image from a registry or a layout to another, only what changed",
  group: "images",
  args: {
    from: arg.string({
      description: "Where the image is",
      positional: true,
      required: true,
      example: "docker://ghcr.io/acme/vm:latest",
    }),
    to: arg.string({
      description: "Where it goes",
      positional: true,
      required: true,
      example: "oci:images/vm",
    }),
    platform: arg.list(arg.string({ description: "os/architecture[/variant]" }), {
      description: "A platform that is wanted of an index; this machine's without it",
    }),
    allPlatforms: arg.boolean({ description: "Copy an index whole" }),
    insecureRegistry: arg.list(arg.string({ description: "A host" }), {
      description: "A host that is spoken to in plain HTTP",
    }),
    concurrency: arg.number({
      description: "The most blobs that may be under way; it follows what the registry takes",
      integer: true,
      min: 1,
      max: 64,
      default: 16,
    }),
  },
  run: ({ args, ...ctx }) =>
    syncImage({
      from: args.from,
      to: args.to,
      platforms: args.platform,
      allPlatforms: args.allPlatforms,
      insecureRegistries: args.insecureRegistry,
      concurrency: args.concurrency,
    }, ctx),
  output: (result: SyncImageResult) => result.reference,
});
