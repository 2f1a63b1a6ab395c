import { fromFileUrl, join } from "@std/path";
import { copy } from "@std/fs";

const root = fromFileUrl(new URL("../../", import.meta.url));

/** Lays this program out in a folder as another release of it; gives the path of its program. */
export async function otherRelease(folder: string, version: string): Promise<string> {
  await Deno.mkdir(folder, { recursive: true });
  for (const name of ["mod.ts", "lib", "tasks", "deno.json", "deno.lock"]) {
    await copy(join(root, name), join(folder, name));
  }
  const path = join(folder, "deno.json");
  const config = JSON.parse(await Deno.readTextFile(path));
  await Deno.writeTextFile(path, JSON.stringify({ ...config, version }));
  return join(folder, "mod.ts");
}
