import { assertEquals, assertRejects } from "@std/assert";
import { join } from "@std/path";
import { CopyCrew } from "../../../lib/carry/copy_crew.ts";
import type { WantedPath } from "../../../lib/carry/store_source.ts";
import { hashNar } from "../../../lib/nix/nar/hash_nar.ts";
import { inFolder } from "../../support/in_folder.ts";
import { removeTree } from "../../support/remove_tree.ts";

const never = new AbortController().signal;

interface Ground {
  from: string;
  work: string;
  crew: CopyCrew;
  /** Makes a path with one file in it. */
  path(baseName: string, bytes: Uint8Array): Promise<WantedPath>;
}

async function withCrew(run: (ground: Ground) => Promise<void>): Promise<void> {
  await inFolder(async (folder) => {
    const [from, work] = [join(folder, "from"), join(folder, "work")];
    await Deno.mkdir(from);
    await Deno.mkdir(work);
    const path = async (baseName: string, bytes: Uint8Array) => {
      await Deno.mkdir(join(from, baseName));
      await Deno.writeFile(join(from, baseName, "file"), bytes);
      return { baseName, ...await hashNar(join(from, baseName)) };
    };
    await using crew = new CopyCrew({ from, folder, work, threads: 2 });
    await run({ from, work, crew, path });
  });
}

Deno.test("CopyCrew copies paths, and gives those that are whole", async () => {
  await withCrew(async ({ crew, path, from }) => {
    const wanted = await Promise.all(
      Array.from({ length: 5 }, (_, i) => path(`path-${i}`, new Uint8Array(i * 700_000))),
    );
    const [changed, gone] = await Promise.all([
      path("changed", new Uint8Array(10)),
      path("gone", new Uint8Array(10)),
    ]);
    await Deno.writeFile(join(from, "changed", "file"), new Uint8Array(10).fill(1));
    await removeTree(join(from, "gone"));
    const copy = async (each: WantedPath) => await crew.copy(each, never);
    for (const [at, whole] of (await Promise.all(wanted.map(copy))).entries()) {
      const { narHash, narSize } = wanted[at]!;
      assertEquals(await hashNar(whole!), { narHash, narSize });
    }
    assertEquals(await Promise.all([changed, gone].map(copy)), [undefined, undefined]);
  });
});

Deno.test("CopyCrew writes no more of a path than it is to have", async () => {
  await withCrew(async ({ crew, path, from, work }) => {
    const wanted = await path("large", new Uint8Array(10));
    await Deno.writeFile(join(from, "large", "file"), new Uint8Array(1_000_000));
    assertEquals(await crew.copy(wanted, never), undefined);
    await assertRejects(() => Deno.lstat(join(work, "0", "large", "file")), Deno.errors.NotFound);
  });
});

Deno.test("CopyCrew ends on an abort, and writes nothing more afterwards", async () => {
  await withCrew(async ({ crew, path, work }) => {
    const wanted = await path("large", new Uint8Array(100_000_000));
    const controller = new AbortController();
    const copying = crew.copy(wanted, controller.signal);
    controller.abort(new Error("enough"));
    await assertRejects(() => copying, Error, "enough");
    await crew[Symbol.asyncDispose]();
    await removeTree(work);
    assertEquals(await crew.copy(wanted, never), undefined);
    await assertRejects(() => Deno.lstat(work), Deno.errors.NotFound);
  });
});

Deno.test("CopyCrew leaves a path for which no folder can be made, and copies the next one", async () => {
  await inFolder(async (folder) => {
    const [from, work] = [join(folder, "from"), join(folder, "work")];
    await Deno.mkdir(work);
    const wanted: WantedPath[] = [];
    for (const baseName of ["one", "two"]) {
      await Deno.mkdir(join(from, baseName), { recursive: true });
      wanted.push({ baseName, ...await hashNar(join(from, baseName)) });
    }
    await using crew = new CopyCrew({ from, folder, work, threads: 1 });
    await Deno.writeTextFile(join(work, "0"), "in the way");
    assertEquals(await crew.copy(wanted[0]!, never), undefined);
    await Deno.remove(join(work, "0"));
    assertEquals(await crew.copy(wanted[1]!, never), join(work, "0", "two"));
  });
});

Deno.test("CopyCrew does nothing where it may have no thread", async () => {
  await inFolder(async (folder) => {
    await using crew = new CopyCrew({ from: folder, folder, work: folder, threads: 0 });
    const wanted = { baseName: "path", ...await hashNar(folder) };
    assertEquals(await crew.copy(wanted, never), undefined);
  });
});
