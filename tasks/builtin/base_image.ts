import { arg } from "../../lib/runner/arg_builder.ts";
import { task } from "../../lib/runner/task.ts";
import { baseImage, type BaseImageResult } from "../base_image/base_image.ts";
import { registryArgs, registryOptions } from "./registry_args.ts";

/** What says which image it is. */
export const baseImageArgs = {
  nixVersion: arg.string({
    description: "The version of Nix",
    defaultText: "that of this machine",
    example: "2.31.5",
  }),
  repository: arg.string({
    description: "The repository of the images",
    defaultText: "docker.io/nixos/nix",
    example: "mirror.acme.dev/nixos/nix",
  }),
  platform: arg.string({
    description: "The platform of the image",
    defaultText: "linux/ and the processor of this machine",
    placeholder: "OS/ARCH",
  }),
  fallback: arg.string({
    description:
      "What to use if the version has no image: none, minor (the newest image of the same minor version), a tag or a digest",
    default: "none",
  }),
  maxAge: arg.duration({ description: "Ask the registry again if its last answer is older" }),
  ...registryArgs,
};

/** `base-image`. */
export const baseImageTask = task({
  name: "base-image",
  description:
    "Find the nixos/nix image of exactly this machine's Nix, and print it with its digest",
  group: "images",
  args: {
    ...baseImageArgs,
    to: arg.string({
      description: "Copy the image there too: docker://, oci:, podman: or docker-daemon:",
      placeholder: "IMAGE",
      example: "oci:images/nix:base",
    }),
  },
  run: ({ args: { insecureRegistry, mirror, registriesConf, ...args }, ...ctx }) =>
    baseImage({
      ...args,
      ...registryOptions({ insecureRegistry, mirror, registriesConf }),
    }, ctx),
  output: ({ reference }: BaseImageResult) => reference.replace(/^docker:\/\//, ""),
});
