/** How many requests at once a registry was trusted with when it was read, as the journal has it. */
import { assertEquals, assertStringIncludes } from "@std/assert";
import { Cache } from "../../../lib/cache/cache.ts";
import { syncImage } from "../../../tasks/image/image.ts";
import { syncImages } from "../../../tasks/image/list.ts";
import { CountingJournal } from "../../support/counting_journal.ts";
import { FakeRegistry } from "../../support/fake_registry.ts";
import { ImageRoom } from "../../support/image_room.ts";
import { writeImage } from "../../support/layout.ts";
import { runKedge } from "../../support/program.ts";

/** What a journal says of the habits of registries. */
function habitsIn({ lines }: CountingJournal) {
  return lines.filter(({ state }) => state === "habits")
    .map(({ object, detail }) => [object, detail["atOnce"]]);
}

Deno.test("syncImages() writes down at what pace it read a registry, and of two registries that of each", async () => {
  await using room = await ImageRoom.make();
  await using source = new FakeRegistry();
  await using other = new FakeRegistry();
  const tags = Array.from({ length: 40 }, (_, tag) => `t${tag}`);
  for (const tag of tags) {
    const layers = Array.from({ length: 4 }, (_, layer) => `${tag} ${layer}`);
    await writeImage(room.path("from"), tag, { layers });
  }
  const stock = `docker://${source.host}/a`;
  const list = (from: string, to: string) => [{ from, to, tags: ".*" }];
  await syncImages({ images: list(`oci:${room.path("from")}`, stock) }, room.context);

  using pulling = new CountingJournal(room.path("pulling"));
  const pulled = { images: list(stock, `oci:${room.path("to")}`) };
  await syncImages(pulled, { cache: new Cache(room.path("c1")), journal: pulling });
  assertEquals(habitsIn(pulling), [[source.host, 16]]);

  using copying = new CountingJournal(room.path("copying"));
  const copied = { from: `${stock}:t0`, to: `docker://${other.host}/b:t0` };
  await syncImage(copied, { cache: new Cache(room.path("c2")), journal: copying });
  assertEquals(habitsIn(copying).map(([host]) => host).sort(), [source.host, other.host].sort());
});

Deno.test("runs:show tells at what pace a pull read a registry, and nothing of a mirror's origin that it did not ask", async () => {
  await using room = await ImageRoom.make();
  await using origin = new FakeRegistry();
  await using mirror = new FakeRegistry();
  await writeImage(room.path("from"), "v1", { layers: ["a", "b"] });
  for (const { host } of [origin, mirror]) {
    const to = `docker://${host}/a:v1`;
    await syncImage({ from: `oci:${room.path("from")}:v1`, to }, room.context);
  }
  const options = { cacheDir: room.path("cache") };
  const from = `docker://${origin.host}/a:v1`;
  const flags = ["--mirror", `${origin.host}=${mirror.host}`];
  const sync = await runKedge(
    ["image:sync", from, `oci:${room.path("to")}:v1`, ...flags],
    options,
  );
  assertEquals(sync.code, 0, sync.stderr);
  const [run] = (await runKedge(["runs"], options)).stdout.split(/\s/);
  const { stdout } = await runKedge(["runs:show", run!], options);
  assertStringIncludes(stdout, `${mirror.host}: habits (atOnce `);
  assertEquals(stdout.includes(`${origin.host}: habits`), false, stdout);
});
