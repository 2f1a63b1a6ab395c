/** One source, several destinations, and what comes in between. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { delay } from "@std/async";
import { join } from "@std/path";
import { sha256 } from "../../../lib/base/digest.ts";
import { digestHex } from "../../../lib/base/digest_text.ts";
import { KedgeError, NoRoomError, TimedOutError } from "../../../lib/base/errors.ts";
import { Cache } from "../../../lib/cache/cache.ts";
import { cleanCache } from "../../../lib/cache/clean.ts";
import { readControl } from "../../../lib/http/control_file.ts";
import { Extents } from "../../../lib/http/extents.ts";
import { Layout } from "../../../lib/oci/layout/layout.ts";
import { MediaType } from "../../../lib/oci/media_type.ts";
import {
  syncImages,
  type SyncImagesOptions,
  type SyncImagesResult,
} from "../../../tasks/image/list.ts";
import { ImageSpool } from "../../../tasks/image/spool.ts";
import { askedRanges, sharedBytes, untilWritten } from "../../support/asked_ranges.ts";
import { FakeRegistry } from "../../support/fake_registry.ts";
import { ImageRoom } from "../../support/image_room.ts";
import { randomBytes, writeImage } from "../../support/layout.ts";
import { spawnKedge } from "../../support/program.ts";

const mebibyte = 1024 * 1024;

/** An image in a registry, and two registries and a layout that are to have it; the copies run on a machine that never saw the image. */
class Fan implements AsyncDisposable {
  readonly source: FakeRegistry = new FakeRegistry();
  readonly one: FakeRegistry;
  readonly other: FakeRegistry;
  readonly room: ImageRoom;
  readonly layer: Uint8Array<ArrayBuffer>;

  private constructor(room: ImageRoom, layer: Uint8Array<ArrayBuffer>, latencyMs: number) {
    this.room = room;
    this.layer = layer;
    this.one = new FakeRegistry({ latencyMs });
    this.other = new FakeRegistry({ latencyMs });
  }

  static async make(layerBytes: number, latencyMs = 0): Promise<Fan> {
    const room = await ImageRoom.make();
    const fan = new Fan(room, randomBytes(layerBytes), latencyMs);
    await writeImage(room.path("from"), "v1", { layers: [fan.layer, "small"] });
    await room.sync(`oci:${room.path("from")}:v1`, fan.from);
    fan.source.sentBytes = 0;
    return fan;
  }

  get from(): string {
    return `docker://${this.source.host}/a:v1`;
  }

  get to(): string[] {
    const { one, other, room } = this;
    return [
      `docker://${one.host}/b:v1`,
      `docker://${other.host}/c:v1`,
      `oci:${room.path("to")}:v1`,
    ];
  }

  get cache(): Cache {
    return new Cache(this.room.path("cache"));
  }

  /** The folders that are left of copies. */
  async left(): Promise<string[]> {
    const { dir } = this.cache.partials;
    return (await Array.fromAsync(Deno.readDir(dir))).map(({ name }) => join(dir, name));
  }

  /** Waits for what a copy that failed left on its way. */
  async idle(): Promise<void> {
    for (const registry of [this.source, this.one, this.other]) await registry.idle();
  }

  async sync(options: Partial<SyncImagesOptions> = {}): Promise<SyncImagesResult> {
    const images = [{ from: this.from, to: this.to }];
    return await syncImages({ images, ...options }, { cache: this.cache });
  }

  /** A dry run, then the run, of equal figures; gives what was read at the source, and what came to each registry. */
  async finish(): Promise<number[]> {
    const { source, one, other } = this;
    const count = () => [source.sentBytes, one.receivedBytes, other.receivedBytes];
    const before = count();
    const images = [{ from: this.from, to: this.to }];
    const planned = await syncImages({ images }, { cache: this.cache, dryRun: true });
    assertEquals(count(), before);
    assertEquals({ ...planned, dryRun: false }, await this.sync());
    const { digest } = (await new Layout(this.room.path("from")).find("v1"))!;
    for (const [registry, name] of [[one, "b"], [other, "c"]] as const) {
      assertEquals(registry.store.repository(name).tags.get("v1"), digest);
    }
    assertEquals((await new Layout(this.room.path("to")).find("v1"))?.digest, digest);
    assertEquals(await this.left(), []);
    return count().map((bytes, at) => bytes - before[at]!);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const registry of [this.source, this.one, this.other]) {
      await registry[Symbol.asyncDispose]();
    }
    await this.room[Symbol.asyncDispose]();
  }
}

/** Ends the program after the first chunk went out, and finishes what it began. */
async function endAndFinish(signal: Deno.Signal, expectedCode: number): Promise<void> {
  await using fan = await Fan.make(100 * mebibyte, 40);
  const [to, ...also] = fan.to;
  const args = ["image:sync", fan.from, to!, ...also.flatMap((each) => ["--also", each])];
  const child = spawnKedge(args, { cacheDir: fan.cache.dir });
  const ended = child.output();
  const patched = () =>
    [fan.one, fan.other].some(({ requests }) =>
      requests.some(({ method, status }) => method === "PATCH" && status === 202)
    );
  while (!patched()) await delay(2);
  child.kill(signal);
  assertEquals((await ended).code, expectedCode);
  await fan.idle();
  const before = [fan.one.receivedBytes, fan.other.receivedBytes];
  assert(Math.max(...before) >= 32 * mebibyte);
  const [readAgain, ...sent] = await fan.finish();
  // All of it lay in the cache before any of it went out.
  assert(readAgain! < mebibyte, `${readAgain} bytes were read again`);
  for (const [at, bytes] of before.entries()) {
    assert(bytes + sent[at]! < 101 * mebibyte, `${bytes} and ${sent[at]} bytes came`);
  }
}

Deno.test("image:sync to several places goes on after kill -9: nothing is read again, and nothing sent twice", async () => {
  await endAndFinish("SIGKILL", 137);
});

Deno.test("image:sync to several places goes on after Ctrl-C: nothing is read again, and nothing sent twice", async () => {
  await endAndFinish("SIGINT", 130);
});

Deno.test("syncImages() to several places goes on after one of them failed, and hashes what it had read", async () => {
  for (const damage of [false, true]) {
    await using fan = await Fan.make(3 * mebibyte);
    fan.other.faults.loseUpload = 1000;
    await assertRejects(() => fan.sync(), KedgeError);
    await fan.idle();
    const { length } = fan.layer;
    const failed = [fan.source.sentBytes, fan.one.receivedBytes];
    const arrived = fan.one.store.repository("b").blobs.has(sha256(fan.layer));
    fan.other.faults.loseUpload = 0;
    const [folder, ...others] = await fan.left();
    assertEquals(others, []);
    const path = new Layout(folder!).blobPath(sha256(fan.layer));
    if (damage) await Deno.writeFile(path, fan.layer.with(1_000_000, fan.layer[1_000_000]! ^ 1));
    const finished = await fan.finish();
    const [read, one, other] = finished.map((bytes, at) => bytes + (failed[at] ?? 0));
    assert(read! < (damage ? 2 : 1) * length + 1000, `${read} bytes were read`);
    // What was on its way there when the other failed is sent anew: it is too small for chunks.
    const oneMost = (arrived ? 1 : 2) * length + 1000;
    assert(one! < oneMost && other! < length + 1000, `${one} and ${other} bytes came`);
  }
});

Deno.test("syncImages() to several places fetches of a large blob only what an earlier run did not", async () => {
  await using fan = await Fan.make(80 * mebibyte);
  const digest = sha256(fan.layer);
  const partial = async () => `${(await fan.left())[0]}/.kedge/partials/${digestHex(digest)}`;
  fan.source.faults.lastRanges = 6;
  fan.source.beforeLoss = async () => {
    const given = new Extents(askedRanges(fan.source.requests, digest));
    await untilWritten(`${await partial()}/data`, given.bytes);
  };
  await assertRejects(() => fan.sync(), KedgeError);
  await fan.idle();
  delete fan.source.faults.lastRanges;
  const came = new Extents((await readControl(await partial(), digest))?.done);
  assertEquals([...came], [...new Extents(askedRanges(fan.source.requests, digest))]);
  assert(came.bytes < 80 * mebibyte, `${came.bytes} bytes came`);
  const before = fan.source.requests.length;
  await fan.finish();
  const asked = askedRanges(fan.source.requests.slice(before), digest);
  assertEquals(new Extents([...came, ...asked]).bytes, 80 * mebibyte);
  assertEquals(sharedBytes(came, asked), 0);
});

Deno.test("syncImages() to several places takes from the origin what a mirror gives wrong", async () => {
  await using fan = await Fan.make(3 * mebibyte);
  await using mirror = new FakeRegistry({ faults: { wrongBlob: 1000 } });
  await fan.room.sync(`oci:${fan.room.path("from")}:v1`, `docker://${mirror.host}/a:v1`);
  const { images } = await fan.sync({ mirrors: [`${fan.source.host}=${mirror.host}`] });
  assertEquals(new Set(images.map(({ changed }) => changed)), new Set([true]));
  assert(mirror.sentBytes > 0 && fan.source.sentBytes > 3 * mebibyte);
  await fan.finish();
});

Deno.test("syncImages() to several places mounts where one of them is in the source's registry", async () => {
  await using fan = await Fan.make(3 * mebibyte);
  const near = `docker://${fan.source.host}/near:v1`;
  const images = [{ from: fan.from, to: [near, fan.to[0]!] }];
  const received = fan.source.receivedBytes;
  await fan.sync({ images });
  assertEquals(fan.source.receivedBytes, received);
  assert(fan.source.store.repository("near").tags.has("v1"));
});

Deno.test("syncImages() to several places finds before it moves anything that the cache has no room", async () => {
  await using fan = await Fan.make(1000);
  const blob = { mediaType: MediaType.ociLayer, digest: sha256("x"), size: 2 ** 44 };
  const config = { ...blob, digest: sha256("{}"), size: 2 };
  fan.source.store.putManifest("a", {
    mediaType: MediaType.ociManifest,
    bytes: new TextEncoder().encode(JSON.stringify({ schemaVersion: 2, config, layers: [blob] })),
  }, "huge");
  const images = [{ from: fan.from.replace(/v1$/, "huge"), to: fan.to.slice(0, 2) }];
  await assertRejects(() => fan.sync({ images }), NoRoomError, fan.cache.dir);
});

Deno.test("syncImages() reads once what several images share that go to several places, in a later run too", async () => {
  for (const damage of [false, true]) {
    await using fan = await Fan.make(3 * mebibyte);
    const { room, layer } = fan;
    const tags = ["v1", "v2", "v3"];
    for (const tag of tags) await writeImage(room.path("from"), tag, { layers: [layer, tag] });
    const bare = (reference: string) => reference.replace(/:v1$/, "");
    const images = [{ from: bare(fan.from), to: fan.to.slice(0, 2).map(bare), tags: "v.*" }];
    for (const tag of tags) {
      await room.sync(`oci:${room.path("from")}:${tag}`, `${bare(fan.from)}:${tag}`);
    }
    fan.source.sentBytes = 0;
    fan.other.faults.loseUpload = 1000;
    await assertRejects(() => fan.sync({ images }), KedgeError);
    fan.other.faults.loseUpload = 0;
    const [folder] = await fan.left();
    const path = new Layout(folder!).blobPath(sha256(layer));
    if (damage) await Deno.writeFile(path, layer.with(1_000_000, layer[1_000_000]! ^ 1));
    const planned = await syncImages({ images }, { cache: fan.cache, dryRun: true });
    assertEquals({ ...planned, dryRun: false }, await fan.sync({ images }));
    const most = (damage ? 2 : 1) * layer.length + 5000;
    assert(fan.source.sentBytes < most, `${fan.source.sentBytes} bytes were read`);
    assertEquals(fan.other.store.repository("c").tags.size, 3);
  }
});

Deno.test("a folder of images on their way is not emptied under them, and goes where nothing moved", async () => {
  const dir = await Deno.makeTempDir({ prefix: "kedge-spool-" });
  try {
    const spool = new ImageSpool(new Cache(dir), []);
    const folder = await spool.own();
    const other = new Cache(dir, { lockTimeoutMs: 1 });
    await assertRejects(() => cleanCache(other), TimedOutError);
    assertEquals((await Deno.stat(folder)).isDirectory, true);
    await spool.end("looked at");
    assertEquals(await Array.fromAsync(Deno.readDir(other.partials.dir)), []);
    await cleanCache(other);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});
