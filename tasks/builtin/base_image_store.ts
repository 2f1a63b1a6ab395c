import { defined } from "../../lib/base/defined.ts";
import { UsageError } from "../../lib/base/errors.ts";
import type { ContainerEngineOptions } from "../../lib/container/container_engine.ts";
import { arg } from "../../lib/runner/arg_builder.ts";
import { task } from "../../lib/runner/task.ts";
import { baseImage } from "../base_image/base_image.ts";
import {
  carryStore,
  type CarryStoreResult,
  pruneStore,
  type PruneStoreResult,
} from "../store/store.ts";
import { type CopyStoreResult, exportStore, importStore } from "../store/copy_store.ts";
import type { NixVolume } from "../store/nix_place.ts";
import { baseImageArgs } from "./base_image.ts";
import { registryOptions } from "./registry_args.ts";
import { signingKeyArg, signingKeys } from "./publish_args.ts";

const group = "Place of the store";
const place = {
  volume: arg.string({
    description: "The named volume that containers mount as /nix",
    group,
    placeholder: "NAME",
    example: "nix",
  }),
  folder: arg.path({
    description: "The folder that containers mount as /nix, instead of a volume",
    group,
  }),
  engine: arg.enum(["podman", "docker"], {
    description: "The engine that has the volume",
    group,
    defaultText: "podman if it is installed, else docker",
  }),
  engineArg: arg.list(arg.string({ description: "An argument" }), {
    description: "An argument that precedes every command of the engine",
    placeholder: "ARG",
    group,
  }),
};

interface PlaceArgs {
  volume?: string | undefined;
  folder?: string | undefined;
  engine?: "podman" | "docker" | undefined;
  engineArg?: readonly string[] | undefined;
}

function placeOf({ volume, folder }: PlaceArgs): NixVolume {
  if (volume !== undefined && folder === undefined) return { volume };
  if (folder !== undefined && volume === undefined) return { folder };
  throw new UsageError("Cannot tell where the store is: name either --volume or --folder");
}

function engineOf({ engine, engineArg }: PlaceArgs): ContainerEngineOptions {
  return { kind: engine, args: engineArg };
}

const path = arg.string({ description: "A store path" });
const paths = {
  positional: true,
  placeholder: "PATH",
  example: "/nix/store/37rxcdx1wksl9dl0p9mnd0dh10h4rzfl-acme",
};
const single = arg.boolean({
  description: "Copy the named paths alone, without what they refer to",
});

/** `base-image:carry`. */
export const baseImageCarryTask = task({
  name: "base-image:carry",
  description: "Copy the store of the base image into a volume or folder, only what is missing",
  group: "images",
  args: {
    ...baseImageArgs,
    ...place,
    copy: arg.string({
      description:
        "Copy the image there first, and read it there: oci:DIR:TAG, podman:NAME or docker://",
      placeholder: "IMAGE",
      example: "oci:images/nix:base",
    }),
    check: arg.enum(["sample", "full"], {
      description: "Hash a sample, or all, of the paths that are there already",
      default: "sample",
    }),
  },
  run: async ({ args, ...ctx }) => {
    const { volume, folder, engine, engineArg, check, copy, ...rest } = args;
    const { insecureRegistry, mirror, registriesConf, ...image } = rest;
    const registries = registryOptions({ insecureRegistry, mirror, registriesConf });
    const named = { volume, folder, engine, engineArg };
    const to = placeOf(named);
    const { nixPlace } = await import("../store/nix_place.ts");
    // A volume that can be none, or has no engine, is no reason to bring an image first.
    await nixPlace(to, engineOf(named), ctx);
    const base = await baseImage({
      ...image,
      ...defined({ to: copy }),
      ...registries,
      engines: { [engine ?? "podman"]: { args: engineArg } },
    }, ctx);
    return await carryStore(
      { base, to, check, engine: engineOf(named), ...registries },
      ctx,
    );
  },
  output: ({ folder }: CarryStoreResult) => folder === undefined ? [] : [folder],
});

/** `base-image:prune`. */
export const baseImagePruneTask = task({
  name: "base-image:prune",
  description:
    "Forget old images in a volume or folder, and delete the paths that none of the others needs",
  group: "images",
  args: {
    ...place,
    keep: arg.number({
      description: "How many images to keep beside the current one, the last used first",
      integer: true,
      min: 0,
      required: true,
      example: "1",
    }),
  },
  run: ({ args, ...ctx }) =>
    pruneStore({ in: placeOf(args), keep: args.keep, engine: engineOf(args) }, ctx),
  output: ({ dropped }: PruneStoreResult) =>
    dropped.map(({ nixVersion, digest }) => `${nixVersion}@${digest}`),
});

/** `base-image:export PATH...`. */
export const baseImageExportTask = task({
  name: "base-image:export",
  description: "Copy paths from a volume or folder to a binary cache or to this machine's Nix",
  group: "images",
  args: {
    paths: arg.list(path, {
      ...paths,
      description: "The store paths (default: all valid ones)",
    }),
    ...place,
    to: arg.string({
      description: "The destination: a binary cache (file://, https://, s3://), daemon or local",
      required: true,
      placeholder: "STORE",
      example: "file:///mnt/cache",
    }),
    single,
    signingKey: signingKeyArg(),
  },
  run: ({ args, ...ctx }) =>
    exportStore({
      from: placeOf(args),
      to: args.to,
      ...(args.paths === undefined || args.paths.length === 0 ? {} : { paths: args.paths }),
      closure: !args.single,
      signingKey: signingKeys(args.signingKey),
      engine: engineOf(args),
    }, ctx),
  output: (result: CopyStoreResult) => result.paths,
});

/** `base-image:import PATH...`. */
export const baseImageImportTask = task({
  name: "base-image:import",
  description: "Copy paths from a binary cache or this machine's Nix into a volume or folder",
  group: "images",
  args: {
    paths: arg.list(path, { ...paths, description: "The store paths", required: true }),
    ...place,
    from: arg.string({
      description: "The source: a binary cache (file://, https://, s3://), daemon or local",
      required: true,
      placeholder: "STORE",
      example: "https://cache.nixos.org",
    }),
    single,
    publicKey: arg.list(arg.string({ description: "A public key", placeholder: "NAME:BASE64" }), {
      description:
        "A trusted public key; one of them must have signed each path of the binary cache",
    }),
  },
  run: ({ args, ...ctx }) =>
    importStore({
      from: args.from,
      to: placeOf(args),
      paths: args.paths,
      closure: !args.single,
      publicKeys: args.publicKey ?? [],
      engine: engineOf(args),
    }, ctx),
  output: (result: CopyStoreResult) => result.paths,
});
