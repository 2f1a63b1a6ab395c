import { formatBytes } from "../../lib/base/bytes.ts";
import { counted } from "../../lib/base/counted.ts";
import { arg } from "../../lib/runner/arg_builder.ts";
import { task } from "../../lib/runner/task.ts";
import {
  pullDisk,
  type PullDiskResult,
  pushDisk,
  type PushDiskResult,
  verifyDisk,
} from "../disk/disk.ts";
import {
  diffDisks,
  type DiffDisksResult,
  inspectDisk,
  type InspectDiskResult,
} from "../disk/inspect.ts";
import { registryArgs, registryOptions } from "./registry_args.ts";

const group = "disks";
const reference = (description: string, version = 1) =>
  arg.string({
    description,
    positional: true,
    required: true,
    example: `docker://ghcr.io/acme/disk:${version}`,
  });
const file = (description: string) =>
  arg.path({ description, positional: true, required: true, example: "vm.img", isFile: true });
/** `disk:push FILE REF`. */
export const diskPushTask = task({
  name: "disk:push",
  description: "Upload a disk image to a registry or a layout, only the chunks that it lacks",
  group,
  args: {
    file: file("The disk image, a file"),
    reference: reference(
      "The destination: docker://HOST/REPOSITORY:TAG, or oci:DIR:TAG for a layout",
    ),
    chunker: arg.enum(["auto", "fixed", "cdc"], {
      description:
        "How the file is cut: into fixed blocks, by content (cdc), or as its first bytes suggest (auto)",
      default: "auto",
    }),
    chunkSize: arg.bytes({
      description: "The length of a block, or the mean length of a chunk: a power of two",
      defaultText: "64KiB, more for files of more than 32 GiB",
    }),
    base: arg.list(arg.string({ description: "A reference", placeholder: "REFERENCE" }), {
      description:
        "Another disk whose packs may be reused, beside the one that has the tag now; not with --repack",
    }),
    repack: arg.boolean({
      description: "Reuse no pack: upload all chunks in new packs, without waste",
    }),
    paranoid: arg.boolean({
      description: "Read the file even if it seems unchanged, and upload what the registry lost",
    }),
    level: arg.number({
      description: "The compression level of zstd",
      integer: true,
      min: 1,
      max: 19,
      default: 3,
    }),
    ...registryArgs,
    concurrency: arg.number({
      description: "Maximum number of packs that are uploaded at once",
      integer: true,
      min: 1,
      max: 64,
      default: 4,
    }),
  },
  run: ({ args, ...ctx }) =>
    pushDisk({
      file: args.file,
      reference: args.reference,
      chunker: args.chunker,
      chunkBytes: args.chunkSize,
      bases: args.base,
      repack: args.repack,
      paranoid: args.paranoid,
      level: args.level,
      ...registryOptions(args),
      concurrency: args.concurrency,
    }, ctx),
  output: (result: PushDiskResult) => result.reference,
});

/** `disk:pull REF FILE`. */
export const diskPullTask = task({
  name: "disk:pull",
  description: "Download a disk image to a file, only the chunks that are not on this machine",
  group,
  args: {
    reference: reference("The disk: docker://HOST/REPOSITORY:TAG, or oci:DIR:TAG for a layout"),
    file: file("The file that is written"),
    base: arg.list(arg.path({ description: "A file" }), {
      description: "A file on this machine that may hold chunks of the disk",
    }),
    inPlace: arg.boolean({
      description: "Write into the file itself instead of a new one that replaces it",
    }),
    ...registryArgs,
    concurrency: arg.number({
      description: "Maximum number of ranges that are downloaded at once",
      integer: true,
      min: 1,
      max: 64,
      default: 8,
    }),
  },
  run: ({ args, ...ctx }) =>
    pullDisk({
      reference: args.reference,
      file: args.file,
      bases: args.base,
      inPlace: args.inPlace,
      ...registryOptions(args),
      concurrency: args.concurrency,
    }, ctx),
  output: (result: PullDiskResult) => result.file,
});

/** `disk:verify REF FILE`. */
export const diskVerifyTask = task({
  name: "disk:verify",
  description: "Check a file against a disk, chunk by chunk, and repair it with --repair",
  group,
  args: {
    reference: reference("The disk: docker://HOST/REPOSITORY:TAG, or oci:DIR:TAG for a layout"),
    file: file("The file that is checked"),
    repair: arg.boolean({ description: "Download the chunks that are wrong" }),
    ...registryArgs,
  },
  run: ({ args, ...ctx }) =>
    verifyDisk({
      reference: args.reference,
      file: args.file,
      repair: args.repair,
      ...registryOptions(args),
    }, ctx),
});

/** `disk:inspect REF`. */
export const diskInspectTask = task({
  name: "disk:inspect",
  query: true,
  description: "Show the chunks, packs and waste of a disk",
  group,
  args: {
    reference: reference("The disk: docker://HOST/REPOSITORY:TAG, or oci:DIR:TAG for a layout"),
    ...registryArgs,
  },
  run: ({ args, ...ctx }) =>
    inspectDisk({
      reference: args.reference,
      ...registryOptions(args),
    }, ctx),
  output: (shape: InspectDiskResult) => [
    `digest   ${shape.digest}`,
    `size     ${formatBytes(shape.sizeBytes)}, ${formatBytes(shape.dataBytes)} of it data`,
    `chunker  ${shape.chunker.kind} ${formatBytes(shape.chunker.avgBytes)}`,
    `chunks   ${shape.chunks}, ${formatBytes(shape.chunkBytes)}, stored in ${
      formatBytes(shape.storedBytes)
    }`,
    `holes    ${shape.holes}`,
    `packs    ${shape.packs}, ${formatBytes(shape.packBytes)}, ${
      formatBytes(shape.wasteBytes)
    } of it waste`,
    `index    ${formatBytes(shape.indexBytes)}`,
  ],
});

/** `disk:diff REF REF`. */
export const diskDiffTask = task({
  name: "disk:diff",
  query: true,
  description: "Compare two disks: the chunks in common, and those to download",
  group,
  args: {
    from: reference(
      "The disk that you have: docker://HOST/REPOSITORY:TAG, or oci:DIR:TAG for a layout",
    ),
    to: reference("The disk that you want, written in the same way", 2),
    ...registryArgs,
  },
  run: ({ args, ...ctx }) =>
    diffDisks({
      from: args.from,
      to: args.to,
      ...registryOptions(args),
    }, ctx),
  output: (diff: DiffDisksResult) => [
    `common   ${counted(diff.commonChunks, "chunk")}, ${formatBytes(diff.commonBytes)}`,
    `new      ${counted(diff.newChunks, "chunk")}, ${formatBytes(diff.newBytes)}, stored in ${
      formatBytes(diff.newStoredBytes)
    }`,
  ],
});
