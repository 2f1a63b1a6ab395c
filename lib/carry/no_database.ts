import { VerificationError } from "../base/errors.ts";

/** The error of an image, by its name, in which there is no Nix. */
export function noDatabase(name: string): VerificationError {
  return new VerificationError(
    `Cannot carry the store of "${name}": the image has no Nix database`,
    { side: "source", hint: "an image of Nix has /nix/var/nix/db/db.sqlite" },
  );
}
