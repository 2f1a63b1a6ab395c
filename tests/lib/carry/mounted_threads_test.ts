/** What of an image's files is copied by threads. */
import { assertEquals, assertRejects } from "@std/assert";
import { join } from "@std/path";
import { sha256 } from "../../../lib/base/digest.ts";
import { folderNames } from "../../../lib/base/files.ts";
import { MountedStore } from "../../../lib/carry/mounted_store.ts";
import type { StoreTaker, WantedPath } from "../../../lib/carry/store_source.ts";
import { hashNar } from "../../../lib/nix/nar/hash_nar.ts";
import { inFolder } from "../../support/in_folder.ts";

const { signal } = new AbortController();

/** Unpacks paths with two threads; gives which of them those copied, which had to be placed without them, and what stands where they work. */
async function unpack(dir: string, wanted: readonly WantedPath[]) {
  const [adopted, placed]: [string[], string[]] = [[], []];
  const no = () => {
    throw new Error("not by threads");
  };
  const taker: StoreTaker = {
    wants: (baseName) => !adopted.includes(baseName),
    adopt: (baseName) => Promise.resolve(void adopted.push(baseName)),
    place: (baseName) => {
      placed.push(baseName);
      return Promise.reject(new Error("not there"));
    },
    ...{ take: no, tree: no, begun: no, layerEnd: no },
  };
  const work = join(dir, "work");
  await Deno.mkdir(work);
  const source = new MountedStore("podman:nix", join(dir, "root"));
  const options = { taker, wanted, folder: dir, work, linksBytes: 0, threads: 2, signal };
  // There is no database in the end.
  const error = await assertRejects(() => source.unpack({ ...options, database: sha256("") }));
  return { adopted: adopted.toSorted(), placed, working: await folderNames(work), error };
}

Deno.test("MountedStore has all paths copied by threads where it may", async () => {
  await inFolder(async (dir) => {
    const store = join(dir, "root", "nix", "store");
    const wanted: WantedPath[] = [];
    for (const baseName of ["a", "b", "c"]) {
      await Deno.mkdir(join(store, baseName), { recursive: true });
      await Deno.writeTextFile(join(store, baseName, "file"), baseName);
      wanted.push({ baseName, ...await hashNar(join(store, baseName)) });
    }
    const { adopted, placed } = await unpack(dir, wanted);
    assertEquals([adopted, placed], [["a", "b", "c"], []]);
  });
});

Deno.test("MountedStore begins no thread where an image has no store", async () => {
  await inFolder(async (dir) => {
    await Deno.mkdir(join(dir, "root", "nix"), { recursive: true });
    const wanted = [{ baseName: "a", narHash: sha256(""), narSize: 1 }];
    const { adopted, placed, working, error } = await unpack(dir, wanted);
    assertEquals([adopted, placed, working], [[], ["a"], ["shared"]]);
    assertEquals((error as Error).message, "not there");
  });
});
