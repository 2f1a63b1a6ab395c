/** How many columns of a terminal a text without control characters takes. */
export function columnsOf(text: string): number {
  if (/^[\x20-\x7e]*$/.test(text)) return text.length;
  let columns = 0;
  for (const letter of text) columns += columnsOfLetter(letter);
  return columns;
}

/** A text that takes no more than so many columns; what is left out is told by an ellipsis. */
export function cutToColumns(text: string, columns: number): string {
  if (columnsOf(text) <= columns) return text;
  if (columns < 2) return "";
  let kept = "";
  let used = 1;
  for (const letter of text) {
    used += columnsOf(letter);
    if (used > columns) break;
    kept += letter;
  }
  return `${kept}…`;
}

/** None for what stands on the letter before it, two for East Asian wide and full-width letters and for emoji. */
function columnsOfLetter(letter: string): number {
  if (/^[\p{Mn}\p{Me}\u200b-\u200f\ufe00-\ufe0f]$/u.test(letter)) return 0;
  const isWide =
    /^(?:[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\ua960-\ua97f\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{1b000}-\u{1b2ff}\u{20000}-\u{3fffd}]|\p{Emoji_Presentation})$/u
      .test(letter);
  return isWide ? 2 : 1;
}
