import { dirname } from "@std/path";
import type { CarriedImage } from "./carried_images.ts";
import type { NixLink } from "./nix_links.ts";

/** Where links lie as a container sees them. */
const state = ["nix", "var", "nix"];
/** Linux follows no more on the way to one place. */
const mostLinks = 40;

/**
 * The links that only images which are let go of have brought, and that still lead where these say: an older generation of a profile, that no
 * kept image has. One to which, or through which, another link leads stays.
 *
 * @param links all that there are below the state of Nix
 */
export function leftLinks(
  links: readonly NixLink[],
  dropped: readonly CarriedImage[],
  kept: readonly CarriedImage[],
): NixLink[] {
  const needed = new Set(kept.flatMap((image) => image.links.map(({ path }) => path)));
  const brought = new Set(dropped.flatMap((image) => image.links.map(keyOf)));
  const left = new Set(
    links.filter((link) => brought.has(keyOf(link)) && !needed.has(link.path)),
  );
  const targets = new Map(links.map(({ path, target }) => [path, target]));
  for (let before = -1; before !== left.size;) {
    before = left.size;
    const staying = links.filter((link) => !left.has(link));
    const ledTo = new Set(staying.flatMap((link) => placesOf(link, targets)));
    for (const link of left) if (ledTo.has(link.path)) left.delete(link);
  }
  return [...left];
}

function keyOf({ path, target }: NixLink): string {
  return JSON.stringify([path, target]);
}

/**
 * The places, as paths below the state of Nix, that are come by on the way to where a link leads: other links among them, and what is
 * above.
 */
function placesOf({ path, target }: NixLink, targets: ReadonlyMap<string, string>): string[] {
  const places: string[] = [];
  const rest = target.split("/");
  let at = target.startsWith("/") ? [] : [...state, ...dirname(path).split("/")];
  let followed = 0;
  for (let part = rest.shift(); part !== undefined; part = rest.shift()) {
    if (part === "..") at.pop();
    if (["", ".", ".."].includes(part)) continue;
    at.push(part);
    if (!state.every((each, i) => at[i] === each)) continue;
    const place = at.slice(state.length).join("/");
    places.push(place);
    const next = targets.get(place);
    if (next === undefined || ++followed > mostLinks) continue;
    at = next.startsWith("/") ? [] : at.slice(0, -1);
    rest.unshift(...next.split("/"));
  }
  return places;
}
