import { defined } from "../../lib/base/defined.ts";
import { arg } from "../../lib/runner/arg_builder.ts";
import { task } from "../../lib/runner/task.ts";
import { cacheKexec } from "../kexec/kexec.ts";
import { defaultKexecRelease, kexecArchs, kexecVariants } from "../kexec/release.ts";

/** `kexec`. */
export const kexecTask = task({
  name: "kexec",
  description: "Keep the NixOS kexec installer in the cache, and print where it is",
  group: "machines",
  args: {
    url: arg.string({
      description: "The tarball, in place of a release by its name",
      placeholder: "URL",
    }),
    release: arg.string({
      description: `The release of nixos-images; ${defaultKexecRelease} without it`,
      example: "nixos-unstable",
    }),
    arch: arg.enum(kexecArchs, {
      description: "The machine that will boot it; this one without it",
    }),
    variant: arg.enum(kexecVariants, { description: "Which installer; noninteractive without it" }),
    sha256: arg.string({
      description:
        "The digest that the tarball must have, as Nix prints it: SRI, hexadecimal, base 32 or base 64",
      placeholder: "DIGEST",
    }),
    mirror: arg.list(arg.string({ description: "A URL", placeholder: "URL" }), {
      description: "Another URL of the same tarball, for when the first fails",
    }),
    connections: arg.number({
      description: "The most connections of the download",
      integer: true,
      min: 1,
      max: 16,
      default: 8,
    }),
    limitRate: arg.bytes({
      description: "The most bytes a second, of all connections together",
      example: "10MiB",
    }),
    maxAge: arg.string({
      description:
        "Ask the origin again when the cached one is older; origin: as its Cache-Control says",
      placeholder: "TIME",
      example: "7d",
    }),
    store: arg.boolean({ description: "Put it into the Nix store too, and print its fetchurl" }),
    unpack: arg.boolean({
      description: "Unpack it too, and print where its kernel and initrd are",
    }),
    staleIfError: arg.boolean({ description: "Use the cached one where asking again fails" }),
  },
  run: ({ args: { mirror, ...args }, ...ctx }) =>
    cacheKexec(defined({ ...args, mirrors: mirror }), ctx),
  output: ({ path, storePath, fetchurl, parts }) =>
    [path, storePath, fetchurl, parts?.kernel, parts?.initrd].filter((line) => line !== undefined),
});
