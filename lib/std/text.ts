/** The typed doorway to `@std/text`. @module */
import * as text from "deno-std/text/mod.js";

/** The candidates, nearest to the word first. */
export const wordSimilaritySort: (word: string, candidates: readonly string[]) => string[] =
  text.wordSimilaritySort;
/** How many single-letter edits lead from one word to the other. */
export const levenshteinDistance: (a: string, b: string) => number = text.levenshteinDistance;
