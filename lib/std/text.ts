/** The typed doorway to `@std/text`. @module */
import * as similarity from "deno-std/text/word_similarity_sort.js";

/** The candidates, nearest to the word first. */
export const wordSimilaritySort: (word: string, candidates: readonly string[]) => string[] =
  similarity.wordSimilaritySort;
