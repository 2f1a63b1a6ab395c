/** The collection after work: every task that fills the cache begins it, at most once a day, and it fails nothing that is done. */
import { assertEquals } from "@std/assert";
import { join } from "@std/path";
import type { FileLock } from "../../../lib/base/file_lock.ts";
import { Cache } from "../../../lib/cache/cache.ts";
import type { TaskContextOptions } from "../../../lib/runner/context.ts";
import { pullDisk, pushDisk } from "../../../tasks/disk/disk.ts";
import { syncImage } from "../../../tasks/image/image.ts";
import { syncImages } from "../../../tasks/image/list.ts";
import { cacheKexec } from "../../../tasks/kexec/kexec.ts";
import { publish } from "../../../tasks/publish/publish.ts";
import { bundleBytes } from "../../support/bundle.ts";
import { inFolder } from "../../support/in_folder.ts";
import { startNix } from "../../support/nix.ts";
import { startOrigin } from "../../support/origin.ts";
import { realTest } from "../../support/real.ts";

type Work = (folder: string, ctx: TaskContextOptions) => Promise<{ changed: boolean }>;

/** A disk in the layout `disk` of a folder. */
async function aDisk(folder: string): Promise<{ file: string; reference: string }> {
  const file = join(folder, "disk.raw");
  await Deno.writeFile(file, new Uint8Array(100_000).fill(7));
  return { file, reference: `oci:${folder}/disk:1` };
}

/** The same, pushed by another machine. */
async function aPushedDisk(folder: string): Promise<string> {
  const disk = await aDisk(folder);
  await pushDisk(disk, { cache: new Cache(join(folder, "other")) });
  return disk.reference;
}

const works: Record<string, Work> = {
  async "cacheKexec()"(_folder, ctx) {
    await using origin = startOrigin({ "/b.tar.gz": { body: bundleBytes() } });
    return await cacheKexec({ url: origin.url("/b.tar.gz") }, ctx);
  },
  "pushDisk()": async (folder, ctx) => await pushDisk(await aDisk(folder), ctx),
  "pullDisk()": async (folder, ctx) =>
    await pullDisk({ reference: await aPushedDisk(folder), file: join(folder, "out.raw") }, ctx),
  "syncImage()": async (folder, ctx) =>
    await syncImage({ from: await aPushedDisk(folder), to: `oci:${folder}/copy:1` }, ctx),
  async "syncImages()"(folder, ctx) {
    const image = { from: await aPushedDisk(folder), to: `oci:${folder}/copy:1` };
    return await syncImages({ images: [image] }, ctx);
  },
  async "publish()"(folder, ctx) {
    await using world = await startNix();
    const { top } = await world.build([{ name: "top" }]);
    return await publish({
      name: "top",
      version: "1",
      paths: [top!],
      stores: [`file://${folder}/store`],
      catalog: `sqlite://${folder}/catalog.db`,
      nix: { env: world.env },
    }, ctx);
  },
};

/** Does some work with a cache that is two days old and holds a blob that nothing needs; gives whether that blob is there still. */
async function keepsOrphan(
  work: Work,
  options: { offline?: boolean; cacheOf?: (dir: string) => Cache; notes?: string[] } = {},
): Promise<boolean> {
  let keeps = false;
  await inFolder(async (folder) => {
    const { offline = false, cacheOf = (dir) => new Cache(dir), notes = [] } = options;
    const dir = join(folder, "cache");
    const { path } = await new Cache(dir).blobs.persist(new Blob(["orphan"]).stream());
    const past = new Date(Date.now() - 2 * 86_400_000);
    await Deno.utime(join(dir, "CACHEDIR.TAG"), past, past);
    const { changed } = await work(folder, {
      cache: cacheOf(dir),
      offline,
      report: (event) => event.type === "note" && notes.push(event.message),
    });
    assertEquals(changed, true);
    keeps = await Deno.stat(path).then(() => true, () => false);
  });
  return keeps;
}

for (const [name, work] of Object.entries(works)) {
  realTest(
    `${name} collects the cache after its work`,
    name === "publish()" ? ["nix"] : [],
    async () => {
      assertEquals(await keepsOrphan(work), false);
    },
  );
}

Deno.test("nothing is collected after work that was done offline", async () => {
  assertEquals(await keepsOrphan(works["pushDisk()"]!, { offline: true }), true);
});

Deno.test("a collection that fails is told, and the work before it is done all the same", async () => {
  class Locked extends Cache {
    override tryLockRoot(): Promise<FileLock | undefined> {
      return Promise.reject(new Error("the disk is tired"));
    }
  }
  const notes: string[] = [];
  const cacheOf = (dir: string) => new Locked(dir);
  assertEquals(await keepsOrphan(works["pushDisk()"]!, { cacheOf, notes }), true);
  assertEquals(notes.at(-1), "Cannot collect what is not needed: the disk is tired");
});
