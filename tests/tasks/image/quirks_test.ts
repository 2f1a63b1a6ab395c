/** Each quirk that some registry has, by its name: an image gets there and back all the same. */
import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { NoRoomError } from "../../../lib/base/errors.ts";
import { folderNames } from "../../../lib/base/files.ts";
import { Cache } from "../../../lib/cache/cache.ts";
import { Layout } from "../../../lib/oci/layout/layout.ts";
import { syncImage } from "../../../tasks/image/image.ts";
import { syncImages } from "../../../tasks/image/list.ts";
import { CountingJournal } from "../../support/counting_journal.ts";
import { FakeRegistry, type Faults, type Quirk } from "../../support/fake_registry.ts";
import { ImageRoom } from "../../support/image_room.ts";
import { blobsOf, randomBytes, writeImage } from "../../support/layout.ts";
import { runKedge } from "../../support/program.ts";
import { mountSmallDisk } from "../../support/small_disk.ts";
import { realTest } from "../../support/real.ts";

const layers = [randomBytes(3_000_000, 1), randomBytes(300_000, 2), "small"];

const quirks: Quirk[] = [
  "stale-range",
  "no-chunks",
  "no-resume",
  "open-range-416",
  "ignore-range",
  "multi-range-501",
  "fragile-sessions",
  "no-mount",
  "mount-refused",
  "no-referrers",
  "no-head-length",
  "no-head",
  "no-digest-header",
  "redirect",
];

/** What goes wrong on the way: a registry may have quirks and bad days at once. */
const badDay: Faults = { tooMany: 2, unavailable: 1, cutBody: 2, loseUpload: 1 };

for (const quirk of quirks) {
  Deno.test(`syncImage() gets an image there and back with a registry of "${quirk}", on a bad day too`, async () => {
    for (const faults of [{}, badDay]) {
      await using room = await ImageRoom.make();
      await using registry = new FakeRegistry({ quirks: [quirk], token: true });
      const image = await writeImage(room.path("from"), "v1", { layers });
      const there = `docker://${registry.host}/a:v1`;
      const run = async (from: string, to: string) => {
        Object.assign(registry.faults, faults);
        return await syncImage({ from, to }, {
          cache: new Cache(room.path(`cache of ${to.length}`)),
        });
      };
      assertEquals((await run(`oci:${room.path("from")}:v1`, there)).digest, image.digest);
      await run(there, `docker://${registry.host}/b:v1`);
      await Deno.rename(room.path("from"), room.path("moved"));
      assertEquals((await run(there, `oci:${room.path("back")}:v1`)).digest, image.digest);
      assertEquals(await blobsOf(room.path("back")), await blobsOf(room.path("moved")));
    }
  });
}

Deno.test("syncImage() sends no blob again to a registry that has it and does not tell its size", async () => {
  await using room = await ImageRoom.make();
  await using registry = new FakeRegistry({ quirks: ["no-head-length"] });
  await writeImage(room.path("from"), "v1", { layers });
  const to = `docker://${registry.host}/a`;
  await room.sync(`oci:${room.path("from")}:v1`, `${to}:v1`);
  registry.receivedBytes = 0;
  const { bytesMoved } = await room.sync(`oci:${room.path("from")}:v1`, `${to}:v2`);
  assertEquals([registry.receivedBytes, bytesMoved < 10_000], [0, true]);
});

Deno.test("syncImage() goes on when a token, or a signed URL, runs out in the middle of a copy", async () => {
  await using room = await ImageRoom.make();
  await using registry = new FakeRegistry({ token: true, quirks: ["redirect"] });
  const image = await writeImage(room.path("from"), "v1", { layers });
  const there = `docker://${registry.host}/a:v1`;
  const run = (from: string, to: string) =>
    syncImage({ from, to }, {
      cache: new Cache(room.path("cache")),
      report: (event) => {
        if (event.type !== "phase-start") return;
        if (event.phase === "plan") registry.faults.expireToken = 1;
        if (event.phase === "move") {
          Object.assign(registry.faults, { expireTokenAtPut: 1, expireUrl: 1 });
        }
      },
    });
  await run(`oci:${room.path("from")}:v1`, there);
  await Deno.remove(room.path("from"), { recursive: true });
  assertEquals((await run(there, `oci:${room.path("to")}:v1`)).digest, image.digest);
  const refused = registry.requests.filter(({ status }) => status === 401 || status === 403);
  assert(refused.length > 3, `${refused.length} requests were refused`);
});

Deno.test("a plan names as many requests as the run makes of a registry that answers with redirects", async () => {
  await using room = await ImageRoom.make();
  await using registry = new FakeRegistry({ quirks: ["redirect"] });
  await writeImage(room.path("from"), "v1", { layers });
  const there = `docker://${registry.host}/a:v1`;
  await room.sync(`oci:${room.path("from")}:v1`, there);
  const to = `oci:${room.path("to")}:v1`;
  const cache = new Cache(room.path("another-cache"));
  const planned = await syncImage({ from: there, to }, { cache, dryRun: true });
  const { requests } = await syncImage({ from: there, to }, { cache });
  assertEquals([planned.requests, planned.requests > 3], [requests, true]);
});

Deno.test("image:sync remembers the habits of a registry, and runs:show shows them", async () => {
  await using room = await ImageRoom.make();
  await using registry = new FakeRegistry({ quirks: ["no-chunks"] });
  await writeImage(room.path("from"), "v1", { layers: [randomBytes(65 * 1024 * 1024)] });
  const options = { cacheDir: room.path("cache") };
  const push = async (name: string) => {
    const to = `docker://${registry.host}/${name}:v1`;
    const done = await runKedge(["image:sync", `oci:${room.path("from")}:v1`, to], options);
    assertEquals(done.code, 0, done.stderr);
  };
  await push("a");
  const patches = () => registry.requests.filter(({ method }) => method === "PATCH").length;
  assertEquals(patches(), 1);
  await push("b");
  assertEquals(patches(), 1);
  const [run] = (await runKedge(["runs"], options)).stdout.split(/\s/);
  const { stdout } = await runKedge(["runs:show", run!], options);
  assertStringIncludes(stdout, `${registry.host}: habits (chunks false, `);
});

Deno.test("syncImage() writes down of a registry's habits what it showed, as it planned, and nothing else", async () => {
  await using room = await ImageRoom.make();
  const large = randomBytes(65 * 1024 * 1024);
  const shown = async (quirks: Quirk[], layer: Uint8Array | string) => {
    await using registry = new FakeRegistry({ quirks });
    await writeImage(room.path("from"), "v1", { layers: [layer] });
    using journal = new CountingJournal(room.path(`journal of ${quirks} ${layer.length}`));
    const to = `docker://${registry.host}/a:v1`;
    const ctx = { cache: new Cache(room.path(`cache of ${quirks}`)), journal };
    const planned = await syncImage({ from: `oci:${room.path("from")}:v1`, to }, {
      ...ctx,
      dryRun: true,
    });
    const done = await syncImage({ from: `oci:${room.path("from")}:v1`, to }, ctx);
    assertEquals(done.requests, planned.requests, quirks.join());
    const { atOnce: _, ...habits } = journal.lines.find(({ state }) => state === "habits")!.detail;
    return habits;
  };
  assertEquals(await shown([], "small"), {});
  assertEquals(await shown([], large), { chunks: true, resumes: true });
  assertEquals(await shown(["no-resume"], large), { chunks: true, resumes: false });
  assertEquals(await shown(["stale-range"], large), {
    ...{ chunks: true, resumes: true, ownCount: true },
  });
});

Deno.test("syncImages() asks a registry for less after a refusal, and for more where it takes more", async () => {
  await using room = await ImageRoom.make();
  const tags = Array.from({ length: 40 }, (_, tag) => `t${tag}`);
  for (const [at, tag] of tags.entries()) {
    await writeImage(room.path("from"), tag, {
      layers: Array.from({ length: 4 }, (_, layer) => `${tag} ${layer}`),
      annotations: { at: String(at) },
    });
  }
  const ended = async (tags: string, tooMany: number) => {
    await using registry = new FakeRegistry({ faults: { tooMany } });
    const images = [{
      from: `oci:${room.path("from")}`,
      to: `docker://${registry.host}/a`,
      tags,
    }];
    const cache = new Cache(room.path(`cache of ${tags}`));
    using journal = new CountingJournal(room.path(`journal of ${tags}`));
    await syncImages({ images }, { cache, journal });
    const refused = registry.requests.filter(({ status }) => status === 429).length;
    const habits = journal.lines.filter(({ state }) => state === "habits");
    return { atOnce: habits.map(({ detail }) => Number(detail["atOnce"])), refused };
  };
  // It begins at 8, and one image has too few answers to come back to that.
  const narrow = await ended("t0", 1);
  assert(narrow.atOnce.length === 1 && narrow.atOnce[0]! < 8, `it ended at ${narrow.atOnce}`);
  assertEquals(narrow.refused, 1);
  assertEquals(await ended(".*", 0), { atOnce: [16], refused: 0 });
});

realTest(
  "syncImages() finds before it moves anything that a disk has no room for all that goes there",
  ["root"],
  async () => {
    await using room = await ImageRoom.make();
    await using registry = new FakeRegistry();
    await writeImage(room.path("from"), "v1", { layers: [randomBytes(1_200_000)] });
    const from = `docker://${registry.host}/a:v1`;
    await room.sync(`oci:${room.path("from")}:v1`, from);
    await using disk = await mountSmallDisk(room.path("disk"), 2_000_000);
    const [one, two] = [`oci:${disk.dir}/one:v1`, `oci:${disk.dir}/two:v1`];
    const context = (name: string, dryRun: boolean) => ({ cache: new Cache(name), dryRun });
    for (const dryRun of [true, false]) {
      const before = registry.sentBytes;
      for (
        const [to, cache] of [
          [[one, two], room.path("cache")],
          // One of them, and what is on its way to it and another place.
          [[one, `oci:${room.path("elsewhere")}:v1`], `${disk.dir}/cache`],
        ] as const
      ) {
        const images = [{ from, to }];
        await assertRejects(() => syncImages({ images }, context(cache, dryRun)), NoRoomError);
      }
      assertEquals(registry.sentBytes, before);
      assertEquals(await folderNames(`${disk.dir}/one`), []);
    }
    const images = [{ from, to: [one, `oci:${room.path("elsewhere")}:v1`] }];
    assertEquals((await syncImages({ images }, context(room.path("cache"), false))).changed, true);
  },
);

realTest(
  "syncImage() says that the disk is full, leaves no part of an image, and finishes once there is room",
  ["root"],
  async () => {
    await using room = await ImageRoom.make();
    await using registry = new FakeRegistry();
    const image = await writeImage(room.path("from"), "v1", { layers });
    const there = `docker://${registry.host}/a:v1`;
    await room.sync(`oci:${room.path("from")}:v1`, there);
    await using disk = await mountSmallDisk(room.path("disk"), 4_000_000);
    const filler = `${disk.dir}/filler`;
    const to = `oci:${disk.dir}/layout:v1`;
    const pull = (fill: boolean) =>
      syncImage({ from: there, to }, {
        cache: new Cache(room.path("cache")),
        report: (event) => {
          // After the plan looked: what is free then may be gone when the bytes come.
          if (!fill || event.type !== "phase-start" || event.phase !== "move") return;
          Deno.writeFileSync(filler, new Uint8Array(2_000_000));
        },
      });
    const error = await assertRejects(() => pull(true), NoRoomError);
    assertEquals(error.exitCode, 8);
    const layout = new Layout(`${disk.dir}/layout`);
    assertEquals(await layout.isThere(), false);
    await Deno.remove(filler);
    assertEquals((await pull(false)).digest, image.digest);
    assertEquals((await layout.find("v1"))?.digest, image.digest);
  },
);
