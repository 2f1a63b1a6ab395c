import { defined } from "../../lib/base/defined.ts";
import { arg } from "../../lib/runner/arg_builder.ts";
import { task } from "../../lib/runner/task.ts";
import { cacheKexec } from "../kexec/kexec.ts";
import { defaultKexecRelease, kexecArchs, kexecVariants } from "../kexec/release.ts";

/** `kexec`. */
export const kexecTask = task({
  name: "kexec",
  description: "Keep the NixOS kexec installer in the cache, and print its path",
  group: "machines",
  args: {
    url: arg.string({
      description: "The URL of the tarball, instead of a release",
      placeholder: "URL",
    }),
    release: arg.string({
      description: "The release of nixos-images",
      defaultText: defaultKexecRelease,
      example: "nixos-unstable",
    }),
    arch: arg.enum(kexecArchs, {
      description: "The machine that will boot it",
      defaultText: "that of this machine",
    }),
    variant: arg.enum(kexecVariants, {
      description: "Which of the two installers",
      defaultText: "noninteractive",
    }),
    sha256: arg.string({
      description: "The sha256 that the tarball must have: SRI, hexadecimal, base 32 or base 64",
      placeholder: "DIGEST",
    }),
    mirror: arg.list(arg.string({ description: "A URL", placeholder: "URL" }), {
      description: "Another URL of the same tarball, tried if the first fails",
    }),
    connections: arg.number({
      description: "Maximum number of connections",
      integer: true,
      min: 1,
      max: 16,
      default: 8,
    }),
    limitRate: arg.bytes({
      min: 1024,
      description: "Maximum bytes per second, over all connections together",
      example: "10MiB",
    }),
    maxAge: arg.string({
      description:
        "Ask the origin again if the last check is older, such as 7d; origin: as its Cache-Control says",
      placeholder: "TIME",
      defaultText: "never",
      example: "7d",
    }),
    store: arg.boolean({
      description: "Add it to the Nix store too, and print its store path and fetchurl",
    }),
    unpack: arg.boolean({
      description: "Unpack it too, and print the paths of its kernel and initrd",
    }),
    staleIfError: arg.boolean({ description: "Use the cached bundle if asking again fails" }),
  },
  run: ({ args: { mirror, ...args }, ...ctx }) =>
    cacheKexec(defined({ ...args, mirrors: mirror }), ctx),
  output: ({ path, storePath, fetchurl, parts }) =>
    [path, storePath, fetchurl, parts?.kernel, parts?.initrd].filter((line) => line !== undefined),
});
