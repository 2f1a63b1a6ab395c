import { arg } from "../../lib/runner/arg_builder.ts";

/** Flags that several tasks of stores and catalogs share. */
export const publishArgs = {
  entry: arg.string({
    description: "The entry: NAME, NAME@VERSION or NAME@VERSION/SYSTEM",
    positional: true,
    required: true,
    example: "acme@1.2.0",
  }),
  catalog: arg.string({
    description: "The catalog: sqlite:///FILE or http(s)://HOST/PATH",
    required: true,
    placeholder: "URI",
    example: "sqlite:///mnt/catalog.db",
  }),
  verify: arg.enum(["present", "full"], {
    description: "How NARs are verified: present with their size, or read back in full",
    default: "present",
  }),
};

const keyFile = "A file with a secret signing key of Nix";

/** The flag that names keys; `what` they sign is said where it is more than all that is written. */
export function signingKeyArg(what = "") {
  return arg.list(arg.path({ description: keyFile }), {
    description: `${keyFile}${what}`,
    placeholder: "FILE",
  });
}

/** The keys that the flag names. */
export function signingKeys(files: readonly string[] = []): { file: string }[] {
  return files.map((file) => ({ file }));
}
