/** The typed doorway to `@std/text`. @module */
import * as distance from "deno-std/text/levenshtein_distance.js";
import * as similarity from "deno-std/text/word_similarity_sort.js";

/** The candidates, nearest to the word first. */
export const wordSimilaritySort: (word: string, candidates: readonly string[]) => string[] =
  similarity.wordSimilaritySort;
/** How many letters must be put in, taken out or changed to make one text of another. */
export const levenshteinDistance: (one: string, other: string) => number =
  distance.levenshteinDistance;
