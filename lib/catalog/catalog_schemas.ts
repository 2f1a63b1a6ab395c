/** What a catalog behind HTTP may answer. */
import * as v from "valibot";

const proofSchema = v.object({
  store: v.string(),
  read: v.string(),
  at: v.string(),
  depth: v.string(),
  narInfos: v.record(v.string(), v.string()),
});
/** One entry. */
export const entrySchema = v.object({
  id: v.string(),
  name: v.string(),
  version: v.string(),
  system: v.string(),
  storePaths: v.array(v.string()),
  closure: v.array(v.object({
    path: v.string(),
    narHash: v.string(),
    narSize: v.pipe(v.number(), v.safeInteger(), v.minValue(1)),
    references: v.array(v.string()),
  })),
  closureBytes: v.pipe(v.number(), v.safeInteger(), v.minValue(0)),
  proofs: v.array(proofSchema),
  created: v.string(),
  updated: v.string(),
  current: v.boolean(),
});

/** Entries, newest first. */
export const listSchema = v.object({ entries: v.array(entrySchema) });

/** Moves of pointers, newest first. */
export const historySchema = v.object({
  history: v.array(v.object({
    name: v.string(),
    system: v.string(),
    version: v.string(),
    action: v.picklist(["publish", "rollback"]),
    at: v.string(),
  })),
});
