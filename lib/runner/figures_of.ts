import type { Figures } from "../operation/figures.ts";

/** The figures in a task's result, or in each of the results that it lists, where it has some. */
export function figuresOf(value: unknown): { figures?: Figures; why?: string } {
  if (typeof value !== "object" || value === null) return {};
  if (Array.isArray(value)) return sumOf(value);
  const { changed, bytesMoved, bytesReused, requests, why, dryRun } = value as Partial<Figures>;
  if (typeof bytesMoved !== "number" || typeof bytesReused !== "number") return {};
  if (typeof why !== "string") return {};
  const figures: Figures = {
    changed: changed === true,
    bytesMoved,
    bytesReused,
    requests: typeof requests === "number" ? requests : 0,
    why,
    dryRun: dryRun === true,
  };
  return { why, figures };
}

/** One bundle for many hosts, one image for many places: what all of it took. */
function sumOf(results: readonly unknown[]): { figures?: Figures; why?: string } {
  const all = results.flatMap((each) => Array.isArray(each) ? [] : figuresOf(each).figures ?? []);
  if (all.length === 0) return {};
  const sum = (field: "bytesMoved" | "bytesReused" | "requests") =>
    all.reduce((total, each) => total + each[field], 0);
  const [why, ...others] = new Set(all.map((each) => each.why));
  const changed = all.filter((each) => each.changed).length;
  const figures: Figures = {
    changed: changed > 0,
    bytesMoved: sum("bytesMoved"),
    bytesReused: sum("bytesReused"),
    requests: sum("requests"),
    why: others.length === 0 ? why! : `${changed} of ${all.length} changed`,
    dryRun: all.some((each) => each.dryRun),
  };
  return { why: figures.why, figures };
}
