import { assert, assertEquals, assertRejects } from "@std/assert";
import { delay } from "@std/async";
import { join } from "@std/path";
import { sha256 } from "../../../lib/base/digest.ts";
import { digestHex } from "../../../lib/base/digest_text.ts";
import { KedgeError } from "../../../lib/base/errors.ts";
import { Cache } from "../../../lib/cache/cache.ts";
import { readControl } from "../../../lib/http/control_file.ts";
import { Extents } from "../../../lib/http/extents.ts";
import { syncImage } from "../../../tasks/image/image.ts";
import { askedRanges, sharedBytes, untilWritten } from "../../support/asked_ranges.ts";
import { FakeRegistry } from "../../support/fake_registry.ts";
import { ImageRoom } from "../../support/image_room.ts";
import { inFolder } from "../../support/in_folder.ts";
import { randomBytes, writeImage } from "../../support/layout.ts";
import { runKedge, spawnKedge } from "../../support/program.ts";

const mebibyte = 1024 * 1024;

/**
 * Pushes an image of one large blob, from a layout or from another registry, ends the program after the first chunk, and pushes again;
 * gives the bytes that came each time.
 */
async function pushTwice(
  signal: Deno.Signal,
  between = false,
): Promise<{ first: number; second: number }> {
  const folder = await Deno.makeTempDir();
  try {
    await using registry = new FakeRegistry({ latencyMs: 40 });
    const image = await writeImage(join(folder, "from"), "v1", {
      layers: [randomBytes(100 * mebibyte)],
    });
    await using source = new FakeRegistry();
    const from = between ? `docker://${source.host}/a:v1` : `oci:${folder}/from:v1`;
    if (between) {
      await syncImage({ from: `oci:${folder}/from:v1`, to: from }, {
        cache: new Cache(join(folder, "cache of another machine")),
      });
    }
    const args = ["image:sync", from, `docker://${registry.host}/a:v1`];
    const options = { cacheDir: join(folder, "cache") };
    const child = spawnKedge(args, options);
    const ended = child.output();
    const patched = () =>
      registry.requests.some(({ method, status }) => method === "PATCH" && status === 202);
    while (!patched()) await delay(2);
    child.kill(signal);
    const { code } = await ended;
    assertEquals(code, signal === "SIGINT" ? 130 : 137);
    await registry.idle();
    const first = registry.receivedBytes;
    const dry = await runKedge([...args, "--dry-run", "--json"], options);
    const again = await runKedge([...args, "--json"], options);
    assertEquals(again.code, 0, again.stderr);
    const figures = [dry, again].map(({ stdout }) => {
      const { value } = JSON.parse(stdout.trim().split("\n").at(-1)!);
      return [value.bytesMoved, value.bytesReused, value.requests];
    });
    assertEquals(figures[0], figures[1]);
    assertEquals(registry.store.repository("a").tags.get("v1"), image.digest);
    return { first, second: registry.receivedBytes - first };
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("image:sync goes on in the middle of a blob after Ctrl-C, and sends nothing twice", async () => {
  const { first, second } = await pushTwice("SIGINT");
  assert(first >= 32 * mebibyte, `${first} bytes came first`);
  assert(first + second < 101 * mebibyte, `${first} and ${second} bytes came`);
});

Deno.test("image:sync leaves an upload alone on which another run works, of this program and of another", async () => {
  await inFolder(async (folder) => {
    await using registry = new FakeRegistry({ latencyMs: 150 });
    const from = `oci:${folder}/from:v1`;
    await writeImage(`${folder}/from`, "v1", { layers: [randomBytes(100 * mebibyte)] });
    const to = `docker://${registry.host}/a:v1`;
    const cacheDir = `${folder}/cache`;
    const patches = () => registry.requests.filter(({ method }) => method === "PATCH");
    const first = syncImage({ from, to }, { cache: new Cache(cacheDir) });
    while (patches().length === 0) await delay(2);
    const [, , third] = await Promise.all([
      first,
      syncImage({ from, to }, { cache: new Cache(cacheDir) }),
      runKedge(["image:sync", from, to], { cacheDir }),
    ]);
    assertEquals(third.code, 0, third.stderr);
    assertEquals(patches().filter(({ status }) => status !== 202), []);
    const opened = new Set(patches().map(({ path }) => path));
    assertEquals(patches().length, 4 * opened.size);
  });
});

Deno.test("image:sync goes on in the middle of a blob after kill -9 where the registry keeps what came", async () => {
  const { first, second } = await pushTwice("SIGKILL");
  assert(first >= 32 * mebibyte, `${first} bytes came first`);
  assert(first + second < 101 * mebibyte, `${first} and ${second} bytes came`);
});

Deno.test("image:sync between registries goes on in the middle of a blob after kill -9 where the destination keeps what came", async () => {
  const { first, second } = await pushTwice("SIGKILL", true);
  assert(first >= 32 * mebibyte, `${first} bytes came first`);
  assert(first + second < 101 * mebibyte, `${first} and ${second} bytes came`);
});

Deno.test("syncImage() fetches of a partial blob what is missing and what was damaged, and no more", async () => {
  await using room = await ImageRoom.make();
  await using registry = new FakeRegistry();
  const layer = randomBytes(80 * 1024 * 1024);
  const image = await writeImage(room.path("from"), "v1", { layers: [layer] });
  const there = `docker://${registry.host}/a:v1`;
  const cache = new Cache(room.path("cache"));
  await syncImage({ from: `oci:${room.path("from")}:v1`, to: there }, {
    cache: new Cache(room.path("cache of another machine")),
  });
  const to = `oci:${room.path("to")}:v1`;
  const digest = sha256(layer);
  const folder = join(room.path("to"), ".kedge", "partials", digestHex(digest));
  registry.faults.lastRanges = 6;
  registry.beforeLoss = () => {
    const given = new Extents(askedRanges(registry.requests, digest));
    return untilWritten(join(folder, "data"), given.bytes);
  };
  await assertRejects(() => syncImage({ from: there, to }, { cache }), KedgeError);
  delete registry.faults.lastRanges;
  const came = new Extents((await readControl(folder, digest))?.done);
  assertEquals([...came], [...new Extents(askedRanges(registry.requests, digest))]);
  assert(came.bytes < layer.length, `${came.bytes} bytes came`);
  {
    using data = await Deno.open(join(folder, "data"), { read: true, write: true });
    await data.seek(5_000_000, Deno.SeekMode.Start);
    await data.write(layer.slice(5_000_000, 5_000_001).map((byte) => byte ^ 1));
  }
  const planned = await syncImage({ from: there, to }, { cache, dryRun: true });
  const before = registry.requests.length;
  const result = await syncImage({ from: there, to }, { cache });
  assertEquals([result.digest, result.bytesMoved], [image.digest, planned.bytesMoved]);
  const asked = askedRanges(registry.requests.slice(before), digest);
  assertEquals(new Extents([...came, ...asked]).bytes, layer.length);
  const again = sharedBytes(came, asked);
  assert(again > 0 && again < 5 * mebibyte, `${again} bytes were asked for again`);
});
