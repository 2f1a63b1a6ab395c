/** The typed doorway to `@std/text`. @module */
import * as distance from "deno-std/text/levenshtein_distance.js";
import * as similarity from "deno-std/text/word_similarity_sort.js";

/** The candidates, nearest to the word first. */
export const wordSimilaritySort: (word: string, candidates: readonly string[]) => string[] =
  similarity.wordSimilaritySort;
/** How many single-letter edits lead from one word to the other. */
export const levenshteinDistance: (a: string, b: string) => number = distance.levenshteinDistance;
