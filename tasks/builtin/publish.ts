import { arg } from "../../lib/runner/arg_builder.ts";
import { task } from "../../lib/runner/task.ts";
import { publish, type PublishResult } from "../publish/publish.ts";
import { publishArgs, signingKeyArg, signingKeys } from "./publish_args.ts";

/** `publish PATH...`. */
export const publishTask = task({
  name: "publish",
  description: "Upload a closure to its stores, verify it there, then write the catalog entry",
  group: "publish",
  args: {
    paths: arg.list(arg.string({ description: "Store path, link, folder or flake output" }), {
      description:
        "What is published: store paths, links to them, flake outputs, plain folders or files",
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
    system: arg.string({
      description: "The system that the package runs on, such as aarch64-linux",
      defaultText: "that of this machine",
    }),
    signingKey: signingKeyArg(", which signs every narinfo"),
    compression: arg.enum(["zstd", "xz", "none"], {
      description: "How NARs are compressed",
      default: "zstd",
    }),
    level: arg.number({
      description: "The compression level: -99 to 19 for zstd, 0 to 9 for xz",
      integer: true,
      defaultText: "3 for zstd, 6 for xz",
    }),
    verify: publishArgs.verify,
    propagation: arg.duration({
      description: "How long to wait until uploads are visible at the URL that readers use",
      defaultText: "0s",
    }),
    proofMaxAge: arg.duration({
      description: "How long verified narinfos are not asked for again; 0 asks in every run",
      defaultText: "5m",
    }),
    replace: arg.boolean({
      description: "Replace other builds of the same store paths in the stores",
    }),
    nixStore: arg.string({
      description: "The Nix store that the paths come from, such as local?root=/mnt",
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
