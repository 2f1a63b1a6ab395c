/** Colours, or none. */
export interface Paint {
  /** What went well. */
  good(text: string): string;
  /** What went wrong. */
  bad(text: string): string;
  /** What should be noticed. */
  notice(text: string): string;
  /** What stands back. */
  faint(text: string): string;
  /** What stands out. */
  strong(text: string): string;
}

/** Paints with the sixteen colours of a terminal, or leaves texts as they are. */
export function makePaint(colours: boolean): Paint {
  const with_ = (code: number, end: number) => (text: string): string =>
    colours && text !== "" ? `\x1b[${code}m${text}\x1b[${end}m` : text;
  return {
    good: with_(32, 39),
    bad: with_(31, 39),
    notice: with_(33, 39),
    faint: with_(2, 22),
    strong: with_(1, 22),
  };
}
