import { dirname, relative, resolve } from "@std/path";
import type { CarriedImage } from "./carried_images.ts";
import type { NixLink } from "./nix_links.ts";

/** Where links lie as a container sees them. */
const statePath = "/nix/var/nix";

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
  for (let before = -1; before !== left.size;) {
    before = left.size;
    const ledTo = new Set(links.filter((link) => !left.has(link)).flatMap(placesOf));
    for (const link of left) if (ledTo.has(link.path)) left.delete(link);
  }
  return [...left];
}

function keyOf({ path, target }: NixLink): string {
  return JSON.stringify([path, target]);
}

/** Where a link leads, and what is above that, as paths below the state of Nix. */
function placesOf({ path, target }: NixLink): string[] {
  const parts = relative(statePath, resolve(statePath, dirname(path), target)).split("/");
  return parts.map((_, at) => parts.slice(0, at + 1).join("/"));
}
