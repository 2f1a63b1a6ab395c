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
  description: "Put a disk into a registry or a layout, only the chunks that it lacks",
  group,
  args: {
    file: file("The file"),
    reference: reference(
      "Where it goes: docker://HOST/REPOSITORY:TAG, or oci:DIR:TAG for a layout",
    ),
    chunker: arg.enum(["auto", "fixed", "cdc"], {
      description: "How it is cut: in blocks, by content, or as its first bytes suggest",
      default: "auto",
    }),
    chunkSize: arg.bytes({ description: "The length of a block, or the mean length of a chunk" }),
    base: arg.list(arg.string({ description: "A reference", placeholder: "REFERENCE" }), {
      description:
        "A disk whose packs may be named again, beside what the tag means now; not with --repack",
    }),
    repack: arg.boolean({ description: "Pack all chunks afresh, without waste" }),
    paranoid: arg.boolean({
      description:
        "Read the file even if it seems to be as it was, and send what the registry lost",
    }),
    level: arg.number({
      description: "The level of zstd",
      integer: true,
      min: 1,
      max: 19,
      default: 3,
    }),
    ...registryArgs,
    concurrency: arg.number({
      description: "How many packs may be under way",
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
  description: "Make a file the disk of a registry or a layout, fetching only what is not here",
  group,
  args: {
    reference: reference("The disk: docker://HOST/REPOSITORY:TAG, or oci:DIR:TAG for a layout"),
    file: file("The file that becomes it"),
    base: arg.list(arg.path({ description: "A file" }), {
      description: "A file that may hold chunks of it",
    }),
    inPlace: arg.boolean({ description: "Write the file itself instead of one beside it" }),
    ...registryArgs,
    concurrency: arg.number({
      description: "How many ranges may be under way",
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
  description: "Hash a file against a disk, and repair it on demand",
  group,
  args: {
    reference: reference("The disk: docker://HOST/REPOSITORY:TAG, or oci:DIR:TAG for a layout"),
    file: file("The file"),
    repair: arg.boolean({ description: "Fetch what is wrong" }),
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
  description: "Tell the shape of a disk: chunks, packs, waste",
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
  description: "Tell what two disks have in common",
  group,
  args: {
    from: reference("The disk that one has: docker://HOST/REPOSITORY:TAG, or oci:DIR:TAG"),
    to: reference("The disk that one wants, as FROM", 2),
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
