import { defined } from "../../lib/base/defined.ts";
import { formatBytes } from "../../lib/base/bytes.ts";
import { counted } from "../../lib/base/counted.ts";
import { formatDuration } from "../../lib/base/duration.ts";
import { arg } from "../../lib/runner/arg_builder.ts";
import { task } from "../../lib/runner/task.ts";
import {
  cacheClean,
  cacheDir,
  cacheList,
  cachePrune,
  cacheSize,
  cacheVerify,
  cacheWhy,
} from "../cache/cache.ts";

const group = "the cache";

/** `cache:dir`. */
export const cacheDirTask = task({
  name: "cache:dir",
  query: true,
  description: "Print the cache folder",
  group,
  run: (ctx) => ({ dir: cacheDir(ctx) }),
  output: ({ dir }) => dir,
});

/** `cache:size`. */
export const cacheSizeTask = task({
  name: "cache:size",
  query: true,
  description: "Print the size of the cache in bytes",
  group,
  args: {
    human: arg.boolean({ description: "Print the size with a unit, such as 1.9 MiB" }),
  },
  run: async ({ args, ...ctx }) => ({ ...await cacheSize(ctx), human: args.human }),
  output: ({ bytes, human }) => human ? formatBytes(bytes) : String(bytes),
});

/** `cache:clean [NAME...]`. */
export const cacheCleanTask = task({
  name: "cache:clean",
  description: "Delete the whole cache, or the entries with a name",
  group,
  args: {
    names: arg.list(arg.string({ description: "A URL, a reference, or a bucket" }), {
      description: "The entries: a URL, a reference, or a bucket (default: everything)",
      positional: true,
      placeholder: "NAME",
    }),
    force: arg.boolean({ description: "Delete even if other processes use the cache" }),
  },
  run: ({ args, ...ctx }) =>
    cacheClean(
      { force: args.force, ...(args.names === undefined ? {} : { names: args.names }) },
      ctx,
    ),
  output: ({ why }) => why,
});

/** `cache:prune`. */
export const cachePruneTask = task({
  name: "cache:prune",
  description: "Delete what nothing refers to, and entries beyond the limits",
  group,
  args: {
    ci: arg.boolean({ description: "For CI: keep only what is expensive to make again" }),
    maxAge: arg.duration({
      description: "Delete entries that were not used for this time",
      example: "30d",
    }),
    maxSize: arg.bytes({
      description: "Maximum bytes of contents to keep",
      example: "10GiB",
    }),
    minFree: arg.bytes({
      description: "Minimum bytes that must be free on the disk afterwards",
      example: "5GiB",
    }),
    force: arg.boolean({
      description: "Act as if no other process used the cache",
    }),
  },
  run: ({ args, ...ctx }) => cachePrune(defined(args), ctx),
  output: ({ why, plan }) => [
    ...plan.items.map(({ kind, name, path, reason }) => `${kind} ${name ?? path}: ${reason}`),
    why,
  ],
});

/** `cache:ls`. */
export const cacheLsTask = task({
  name: "cache:ls",
  query: true,
  description: "List the entries of the cache, the last used first",
  group,
  run: async (ctx) => ({ entries: await cacheList(ctx) }),
  output: ({ entries }) =>
    entries.map(({ used, bytes, bucket, key, whole, lower }) =>
      `${used}  ${formatBytes(bytes).padStart(9)}  ${bucket}  ${key}${
        whole ? "" : "  (not whole)"
      }${lower ? "  (in the layer below)" : ""}`
    ),
});

/** `cache:why KEY`. */
export const cacheWhyTask = task({
  name: "cache:why",
  query: true,
  description: "Explain where a cache entry came from, and what it refers to",
  group,
  args: {
    key: arg.string({
      description:
        "The entry: a URL or a part of one, a reference, a store path, a digest or its beginning",
      positional: true,
      required: true,
      example: "nixos-kexec-installer",
    }),
  },
  run: async ({ args, ...ctx }) => ({ found: await cacheWhy(args.key, ctx) }),
  output: ({ found }) =>
    found.flatMap(({ key, bucket, lower, by, created, updated, used, value, refs }) => {
      const fields = fieldsOf(value).map((field) => describeField(...field));
      const width = Math.max(9, ...fields.map(([name]) => name.length));
      const line = (name: string, text: string) => `  ${name.padEnd(width)} ${text}`;
      return [
        key,
        line(
          "bucket",
          `${bucket}${lower ? " of the layer below" : ""}${by === "" ? "" : `, written by ${by}`}`,
        ),
        line("created", `${created}, confirmed ${updated}, used ${used}`),
        ...fields.map(([name, text]) => line(name, text)),
        ...refs.map(({ digest, size, folder, alsoOf }) =>
          line(
            "refers to",
            `${digest} (${size === undefined ? "gone" : formatBytes(size)})${
              folder === undefined ? "" : `, unpacked in ${folder}`
            }${alsoOf.length === 0 ? "" : `, as does ${alsoOf.join(", ")}`}`,
          )
        ),
      ];
    }),
});

/** `cache:verify`. */
export const cacheVerifyTask = task({
  name: "cache:verify",
  description:
    "Check the contents of the cache against their digests, and fetch damaged ones again",
  group,
  args: {
    budget: arg.duration({
      description: "Stop after this time; the next run continues there",
    }),
    budgetBytes: arg.bytes({
      description:
        "Stop after this many bytes, but not before one blob; the next run continues there",
    }),
    refetch: arg.boolean({ description: "Fetch damaged contents again", default: true }),
  },
  run: ({ args, ...ctx }) => cacheVerify(defined(args), ctx),
  output: ({ blobs, archives, copies, bytes, bad, complete }) => [
    ...bad.map(({ kind, digest, why }) => `${kind} ${digest}: damaged, ${why}`),
    `${counted(blobs, "blob")}${copies === 0 ? " and" : ","} ${
      counted(archives, "unpacked folder")
    }${copies === 0 ? "" : ` and ${counted(copies, "named file")}`}, ${
      formatBytes(bytes)
    }: all good${bad.length === 0 ? "" : " again"}${complete ? "" : " so far"}`,
  ],
});

/** What an entry says, field by field; one that others wrote may say anything. */
function fieldsOf(value: unknown): [string, unknown][] {
  return typeof value === "object" && value !== null ? Object.entries(value) : [["value", value]];
}

/** What is more is not a span of time but an instant: since the year 2001. */
const firstInstantMs = 1e12;
const lastInstantMs = 8.64e15;

/** A field of an entry for people: times as times, what has parts in JSON. */
function describeField(name: string, field: unknown): [name: string, text: string] {
  if (typeof field === "number" && name.endsWith("Ms")) {
    const isInstant = field >= firstInstantMs && field <= lastInstantMs;
    const text = isInstant ? new Date(field).toISOString() : formatDuration(field);
    return [name.slice(0, -2), text];
  }
  return [name, typeof field === "object" ? JSON.stringify(field) : String(field)];
}
