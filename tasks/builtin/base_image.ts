import { arg } from "../../lib/runner/arg_builder.ts";
import { task } from "../../lib/runner/task.ts";
import { baseImage, type BaseImageResult } from "../base_image/base_image.ts";
import { registryArgs, registryOptions } from "./registry_args.ts";

/** What says which image it is. */
export const baseImageArgs = {
  nixVersion: arg.string({
    description: "The version of Nix; that of this machine without it",
    example: "2.31.5",
  }),
  repository: arg.string({
    description: "The repository of the images; docker.io/nixos/nix without it",
    example: "mirror.acme.dev/nixos/nix",
  }),
  platform: arg.string({
    description: "For which platform; linux on this processor without it",
    placeholder: "OS/ARCH",
  }),
  fallback: arg.string({
    description: "What is taken where there is no such image: none, minor, a tag or a digest",
    default: "none",
  }),
  maxAge: arg.duration({ description: "Ask the registry again when the answer is older" }),
  ...registryArgs,
};

/** `base-image`. */
export const baseImageTask = task({
  name: "base-image",
  description: "Find the base image with exactly this machine's Nix, pin it, and bring it along",
  group: "images",
  args: {
    ...baseImageArgs,
    to: arg.string({
      description: "Where the image is brought too: docker://, oci:, podman: or docker-daemon:",
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
