import { arg } from "../../lib/runner/arg_builder.ts";
import { task } from "../../lib/runner/task.ts";
import { publish, type PublishResult } from "../publish/publish.ts";
import { publishArgs, signingKeyArg, signingKeys } from "./publish_args.ts";

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
      example: "file:///mnt/cache",
    }),
    catalog: publishArgs.catalog,
    name: arg.string({ description: "The package's name", required: true, example: "acme" }),
    version: arg.string({ description: "The package's version", required: true, example: "1.2.0" }),
    system: arg.string({ description: "The system that it runs on; this machine's without it" }),
    signingKey: signingKeyArg("; signs every narinfo"),
    compression: arg.enum(["zstd", "xz", "none"], {
      description: "How NARs are packed",
      default: "zstd",
    }),
    level: arg.number({ description: "How hard: 1 to 19 for zstd, 0 to 9 for xz", integer: true }),
    verify: publishArgs.verify,
    propagation: arg.duration({
      description: "How long what was written may take to be seen where readers look",
    }),
    proofMaxAge: arg.duration({
      description:
        "How long the proof of the last run counts: only NARs are asked for; 5m without it, 0 for never",
    }),
    replace: arg.boolean({ description: "Replace other builds of the same store paths" }),
    nixStore: arg.string({
      description: "The Nix store that paths come from, as local?root=/mnt",
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
      signingKey: signingKeys(args.signingKey),
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
