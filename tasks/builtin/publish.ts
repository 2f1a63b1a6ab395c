import { arg } from "../../lib/runner/arg_builder.ts";
import { task } from "../../lib/runner/task.ts";
import { publish, type PublishResult } from "../publish.ts";

/** `publish PATH...`. */
export const publishTask = task({
  name: "publish",
  description: "Publish a closure to its stores, prove it, then write the catalog's entry",
  group: "publish",
  args: {
    paths: arg.list(arg.string({ description: "Store path, link, folder or flake output" }), {
      description:
        "What is published: store paths, links to them, plain folders or files, flake outputs",
      positional: true,
      required: true,
      example: "./result",
    }),
    to: arg.list(arg.string({ description: "A store" }), {
      description: "A store: file:///DIR, http(s)://HOST/PATH, s3://BUCKET, or another URI of Nix",
      required: true,
      placeholder: "STORE",
    }),
    catalog: arg.string({
      description: "The catalog: sqlite:///FILE or http(s)://HOST/PATH",
      required: true,
      placeholder: "URI",
    }),
    name: arg.string({ description: "The package's name", required: true }),
    version: arg.string({ description: "The package's version", required: true }),
    system: arg.string({
      description: "The system that it runs on; this machine's without it",
      example: "x86_64-linux",
    }),
    signingKey: arg.list(arg.path({ description: "A file with a secret key of Nix" }), {
      description: "A file with a secret key of Nix; signs every narinfo",
      placeholder: "FILE",
    }),
    compression: arg.enum(["zstd", "xz", "none"], {
      description: "How NARs are packed",
      default: "zstd",
    }),
    level: arg.number({ description: "How hard: 1 to 19 for zstd, 0 to 9 for xz", integer: true }),
    verify: arg.enum(["present", "full"], {
      description: "Prove that NARs are there with their size, or read back every byte of them",
      default: "present",
    }),
    propagation: arg.duration({
      description: "How long what was written may take to be seen where readers look",
    }),
    proofMaxAge: arg.duration({
      description:
        "How long the proof of the last run counts: only NARs are asked for; 5m without it, 0 for never",
    }),
    replace: arg.boolean({ description: "Replace other builds of the same store paths" }),
    nixStore: arg.string({
      description: "The Nix store that paths come from",
      example: "local?root=/mnt",
    }),
  },
  run: ({ args, ...ctx }) =>
    publish({
      name: args.name,
      version: args.version,
      paths: args.paths,
      stores: args.to,
      catalog: args.catalog,
      system: args.system,
      signingKey: (args.signingKey ?? []).map((file) => ({ file })),
      compression: args.compression,
      level: args.level,
      verify: args.verify,
      propagationMs: args.propagation,
      proofMaxAgeMs: args.proofMaxAge,
      replace: args.replace,
      nix: args.nixStore === undefined ? {} : { store: args.nixStore },
    }, ctx),
  output: (result: PublishResult) => result.id,
});
