import type { WritingAhead } from "../lib/nix/foresee_writing.ts";
import type { CarryPlan } from "./carry_notes.ts";

/** What a carry is about to write. */
export function carryAhead({ note, pathsMissing }: CarryPlan): WritingAhead {
  const bringsPaths = pathsMissing > 0;
  return {
    folders: [
      ...["var/kedge", "var/kedge/images", ...(note === undefined ? ["var/kedge/staging"] : [])],
      ...(bringsPaths ? ["store", "var/nix/gcroots/kedge"] : []),
    ],
    database: bringsPaths,
  };
}
