import type { Paint } from "./paint.ts";
import { visible } from "./visible.ts";

/** The line of a next step, if there is one. */
export function hintLines(hint: string | undefined, paint: Paint): string[] {
  return hint === undefined ? [] : [`${paint.notice("hint:")} ${visible(hint)}`];
}
