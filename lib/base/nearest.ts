/** The candidate that was probably meant, if one is near. */
export function nearest(word: string, candidates: readonly string[]): string | undefined {
  const judged = candidates.map((candidate) => ({ candidate, edits: distance(word, candidate) }));
  return judged.filter(({ candidate, edits }) => isNear(word, candidate, edits))
    .sort((a, b) => a.edits - b.edits)[0]?.candidate;
}

/** Whether few single letters differ, two that changed places counting once, or the word is a beginning. */
function isNear(word: string, candidate: string, edits: number): boolean {
  if (word.length > 1 && candidate.startsWith(word)) return true;
  return edits <= Math.max(1, Math.floor(Math.max(word.length, candidate.length) / 3));
}

function distance(a: string, b: string): number {
  let before: number[] = [];
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      let edits = Math.min(
        next[j - 1]! + 1,
        row[j]! + 1,
        row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1),
      );
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      if (swapped) edits = Math.min(edits, before[j - 2]! + 1);
      next.push(edits);
    }
    [before, row] = [row, next];
  }
  return row[b.length]!;
}
