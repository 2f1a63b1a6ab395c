/** Where credentials come from, after a space, as far as that is known: a login elsewhere does not help where those are found first. */
export function fromPlace(place: string | undefined): string {
  return place === undefined ? "" : ` from "${place}"`;
}
