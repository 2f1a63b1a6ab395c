import { formatBytes } from "../../lib/base/bytes.ts";
import { arg } from "../../lib/runner/arg_builder.ts";
import { task } from "../../lib/runner/task.ts";
import { cacheClean, cacheDir, cacheSize } from "../cache.ts";

const group = "the cache";

/** `cache:dir`. */
export const cacheDirTask = task({
  name: "cache:dir",
  description: "Print the cache folder",
  group,
  run: (ctx) => ({ dir: cacheDir(ctx) }),
  output: ({ dir }) => dir,
});

/** `cache:size`. */
export const cacheSizeTask = task({
  name: "cache:size",
  description: "Print the size of the cache in bytes",
  group,
  args: {
    human: arg.boolean({ description: "Print it with a unit" }),
  },
  run: async ({ args, ...ctx }) => ({ ...await cacheSize(ctx), human: args.human }),
  output: ({ bytes, human }) => human ? formatBytes(bytes) : String(bytes),
});

/** `cache:clean [NAME...]`. */
export const cacheCleanTask = task({
  name: "cache:clean",
  description: "Empty the cache, or remove what goes by a name",
  group,
  args: {
    names: arg.list(arg.string({ description: "A URL, a reference, or a bucket" }), {
      description: "What to remove; everything without it",
      positional: true,
      placeholder: "NAME",
    }),
    force: arg.boolean({ description: "Go on although others use the cache" }),
  },
  run: ({ args, ...ctx }) =>
    cacheClean(
      { force: args.force, ...(args.names === undefined ? {} : { names: args.names }) },
      ctx,
    ),
  output: ({ why }) => why,
});
