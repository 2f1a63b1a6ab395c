import { Beneath } from "./beneath.ts";
import type { NixFolder } from "./nix_folder.ts";

/** Makes what is mounted as `/nix`, and folders by their paths below it, where there are none. */
export function makeFolders({ path }: NixFolder, below: readonly string[]): void {
  Deno.mkdirSync(path, { recursive: true });
  using beneath = new Beneath(path);
  for (const each of below) beneath.makeFolder(each);
}
