/** What a catalog behind HTTP may answer. */
import * as v from "valibot";
import { systemPattern, wordPattern } from "./catalog_entry.ts";

const word = v.pipe(v.string(), v.regex(wordPattern));
const system = v.pipe(v.string(), v.regex(systemPattern));
const time = v.pipe(v.string(), v.regex(/^[\x20-\x7e]{0,64}$/));

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
  name: word,
  version: word,
  system,
  storePaths: v.array(v.string()),
  closure: v.array(v.object({
    path: v.string(),
    narHash: v.string(),
    narSize: v.pipe(v.number(), v.safeInteger(), v.minValue(1)),
    references: v.array(v.string()),
  })),
  closureBytes: v.pipe(v.number(), v.safeInteger(), v.minValue(0)),
  proofs: v.array(proofSchema),
  created: time,
  updated: time,
  current: v.boolean(),
});

/** Entries, newest first. */
export const listSchema = v.object({ entries: v.array(entrySchema) });

/** Moves of pointers, newest first. */
export const historySchema = v.object({
  history: v.array(v.object({
    name: word,
    system,
    version: word,
    action: v.picklist(["publish", "rollback"]),
    at: time,
  })),
});
