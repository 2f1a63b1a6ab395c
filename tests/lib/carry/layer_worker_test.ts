/** What a thread that unpacks layers does when it is told to stop. */
import { assertEquals } from "@std/assert";
import { join } from "@std/path";
import type { LayerReport } from "../../../lib/carry/layer_worker.ts";
import { hashNar } from "../../../lib/nix/nar/hash_nar.ts";
import { inFolder } from "../../support/in_folder.ts";
import { tarball } from "../../support/tarball.ts";

const nameOf = (i: number) => `${String(i).padStart(32, "0")}-a`;

/** A layer with so many paths, in none of which the files come in the order of a NAR, so that each is hashed again at its end. */
async function unorderedLayer(folder: string, paths: number, fileBytes: number) {
  const content = "x".repeat(fileBytes);
  const sample = join(folder, "sample");
  await Deno.mkdir(sample);
  for (const name of ["a", "b"]) await Deno.writeTextFile(join(sample, name), content);
  const nar = await hashNar(sample);
  const names = Array.from({ length: paths }, (_, i) => nameOf(i));
  const piece = tarball(
    names.flatMap((name) => [
      { name: `nix/store/${name}`, flag: "5" },
      { name: `nix/store/${name}/b`, content },
      { name: `nix/store/${name}/a`, content },
    ]),
  );
  return { piece, wanted: names.map((baseName) => ({ baseName, ...nar })) };
}

const layers = [["one large path", 1, 48 * 1024 * 1024], ["many small ones", 600, 1024]] as const;

for (const [what, paths, fileBytes] of layers) {
  Deno.test(`a layer's thread hears that it is to stop while it hashes ${what} again`, async () => {
    await inFolder(async (folder) => {
      const { piece, wanted } = await unorderedLayer(folder, paths, fileBytes);
      const work = join(folder, "work");
      await Deno.mkdir(work);
      const reports: LayerReport[] = [];
      const stopped = Promise.withResolvers<void>();
      const worker = new Worker(import.meta.resolve("../../../lib/carry/layer_worker.ts"), {
        type: "module",
      });
      worker.addEventListener("message", ({ data }: MessageEvent<LayerReport>) => {
        if ("stopped" in data) stopped.resolve();
        else reports.push(data);
      });
      worker.postMessage({ folder, work, wanted, linksBytes: 0 });
      worker.postMessage({ layer: 0, begin: "layer", file: undefined });
      worker.postMessage({ layer: 0, piece }, [piece.buffer]);
      worker.postMessage({ layer: 0, end: "whole" });
      worker.postMessage({ stop: true });
      await stopped.promise;
      worker.terminate();
      assertEquals(reports.filter((report) => "reading" in report), [
        { layer: 0, reading: undefined },
      ]);
    });
  });
}
