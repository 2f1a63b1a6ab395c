import type { Figures } from "../operation/figures.ts";

/** The figures in a task's result, where it has some. */
export function figuresOf(value: unknown): { figures?: Figures; why?: string } {
  if (typeof value !== "object" || value === null) return {};
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
