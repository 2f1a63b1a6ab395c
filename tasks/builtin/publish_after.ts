import { arg } from "../../lib/runner/arg_builder.ts";
import { task } from "../../lib/runner/task.ts";
import {
  publishKeygen,
  type PublishKeygenResult,
  publishPrune,
  type PublishPruneResult,
  publishRollback,
  type PublishRollbackResult,
  publishVerify,
  type PublishVerifyResult,
} from "../publish/after.ts";
import { publishArgs, signingKeyArg, signingKeys } from "./publish_args.ts";

/** `publish:verify ENTRY`. */
export const publishVerifyTask = task({
  name: "publish:verify",
  description: "Verify an entry again in every store that it was published to",
  group: "publish",
  args: {
    entry: publishArgs.entry,
    catalog: publishArgs.catalog,
    to: arg.list(arg.string({ description: "A store" }), {
      description: "Only this store, with its login",
      defaultText: "all stores of the entry",
      placeholder: "STORE",
    }),
    repair: arg.boolean({ description: "Restore what is missing or damaged" }),
    verify: publishArgs.verify,
    publicKey: arg.list(arg.string({ description: "A public key", placeholder: "NAME:BASE64" }), {
      description: "A public key that must have signed every narinfo",
    }),
    signingKey: signingKeyArg(", which signs what is restored"),
  },
  run: ({ args, ...ctx }) =>
    publishVerify({
      entry: args.entry,
      catalog: args.catalog,
      stores: args.to,
      repair: args.repair,
      depth: args.verify,
      publicKeys: args.publicKey,
      signingKey: signingKeys(args.signingKey),
    }, ctx),
  output: (result: PublishVerifyResult) => result.id,
});

/** `publish:rollback NAME`. */
export const publishRollbackTask = task({
  name: "publish:rollback",
  description: "Move the catalog's pointer back to an earlier version",
  group: "publish",
  args: {
    name: arg.string({
      description: "The package",
      positional: true,
      required: true,
      example: "acme",
    }),
    catalog: publishArgs.catalog,
    version: arg.string({
      description: "The version to go back to",
      defaultText: "the one that was current before",
    }),
    system: arg.string({ description: "The system", defaultText: "that of this machine" }),
  },
  run: ({ args, ...ctx }) => publishRollback(args, ctx),
  output: (result: PublishRollbackResult) => result.id,
});

/** `publish:prune`. */
export const publishPruneTask = task({
  name: "publish:prune",
  description: "Delete old entries, then what no other entry needs from file:// stores",
  group: "publish",
  args: {
    catalog: publishArgs.catalog,
    from: arg.list(arg.string({ description: "A store" }), {
      description: "A store: file:///DIR",
      required: true,
      placeholder: "STORE",
      example: "file:///mnt/cache",
    }),
    otherCatalog: arg.list(arg.string({ description: "A catalog" }), {
      description: "Another catalog that publishes there: what its entries need stays",
      placeholder: "URI",
    }),
    keep: arg.number({
      description: "How many versions to keep beside the current one",
      integer: true,
      min: 0,
      required: true,
      example: "2",
    }),
  },
  run: ({ args, ...ctx }) =>
    publishPrune({
      catalog: args.catalog,
      stores: args.from,
      otherCatalogs: args.otherCatalog,
      keep: args.keep,
    }, ctx),
  output: (result: PublishPruneResult) => result.forgotten,
});

/** `publish:keygen NAME FILE`. */
export const publishKeygenTask = task({
  name: "publish:keygen",
  description: "Create a pair of signing keys, and print the lines for the nix.conf of readers",
  group: "publish",
  args: {
    name: arg.string({
      description: "The name of the key",
      positional: true,
      required: true,
      example: "cache.acme.dev-1",
    }),
    file: arg.path({
      description: "The file that the secret key is written to",
      positional: true,
      required: true,
      example: "cache.key",
    }),
    to: arg.list(arg.string({ description: "A store" }), {
      description: "A store for which the lines are printed",
      placeholder: "STORE",
    }),
  },
  run: ({ args, ...ctx }) =>
    publishKeygen({ name: args.name, file: args.file, stores: args.to }, ctx),
  output: ({ file, lines }: PublishKeygenResult) =>
    lines.length > 0 ? lines : `would write the secret key to ${file}`,
});
