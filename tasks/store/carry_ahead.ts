import type { WritingAhead } from "../../lib/nix/stores/foresee_writing.ts";
import type { CarryPlan } from "./carry_notes.ts";

/** What a carry is about to write. */
export function carryAhead({ note, pathsMissing, registers }: CarryPlan): WritingAhead {
  const isNew = note === undefined;
  return {
    folders: [
      ...["var/kedge", "var/kedge/images"],
      ...(isNew ? ["var/kedge/staging", "var/nix/gcroots/kedge"] : []),
      ...(pathsMissing > 0 ? ["store"] : []),
    ],
    database: registers,
  };
}
