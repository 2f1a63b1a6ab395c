import { basename, dirname } from "@std/path";
import { isNotThere, lookAt } from "../../base/files.ts";
import { Beneath } from "./beneath.ts";

/** Removes a store path, whose folders are read-only; that it is gone already is fine. */
export async function removeTree(path: string): Promise<void> {
  if (lookAt(path) === undefined) return;
  try {
    await Deno.remove(path, { recursive: true });
  } catch (error) {
    if (isNotThere(error)) return;
    if (!(error instanceof Deno.errors.PermissionDenied)) throw error;
    {
      using beneath = new Beneath(dirname(path));
      makeWritable(beneath, basename(path));
    }
    await Deno.remove(path, { recursive: true });
  }
}

function makeWritable(beneath: Beneath, path: string): void {
  if (!beneath.use(path, Deno.lstatSync).isDirectory) return;
  beneath.settleFolder(path, { mode: 0o755 });
  const entries = beneath.use(path, (name) => [...Deno.readDirSync(name)]);
  for (const { name, isDirectory } of entries) {
    if (isDirectory) makeWritable(beneath, `${path}/${name}`);
  }
}
