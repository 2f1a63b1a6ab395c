/** What is kept of names is damaged, or a registry lies of them. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { type Digest, sha256 } from "../../../lib/base/digest.ts";
import { KedgeError } from "../../../lib/base/errors.ts";
import { Cache } from "../../../lib/cache/cache.ts";
import { machinePlatform } from "../../../lib/oci/platform.ts";
import { pruneCache } from "../../../lib/cache/prune.ts";
import type { SyncImageResult } from "../../../tasks/image/image.ts";
import { ImageRoom } from "../../support/image_room.ts";
import { writeKind } from "../../support/index_room.ts";
import { LyingRegistry } from "../../support/lying_registry.ts";

/** A registry with an index under a tag, and one registry to which its image was brought. */
class Ground implements AsyncDisposable {
  readonly registry: LyingRegistry = new LyingRegistry();
  readonly there: LyingRegistry = new LyingRegistry();

  private constructor(readonly room: ImageRoom) {}

  static async make(): Promise<Ground> {
    const ground = new Ground(await ImageRoom.make({ oneMachine: true }));
    await ground.push("v1", "one");
    assertEquals((await ground.sync()).changed, true);
    return ground;
  }

  /** Pushes an index; gives its digest, and that of the image for this machine. */
  async push(tag: string, layer: string): Promise<{ index: string; image: string }> {
    const { room, registry } = this;
    const { digest } = await writeKind(room.path("from"), tag, "index", layer);
    const to = `docker://${registry.behind.host}/a:${tag}`;
    await room.sync(`oci:${room.path("from")}:${tag}`, to, { allPlatforms: true });
    const { bytes } = registry.behind.store.repository("a").manifests.get(digest)!;
    const { manifests } = JSON.parse(new TextDecoder().decode(bytes));
    const { architecture } = machinePlatform();
    const image = manifests.find((each: { platform: { architecture: string } }) =>
      each.platform.architecture === architecture
    );
    return { index: digest, image: image.digest };
  }

  async sync(tag = "v1", to = tag): Promise<SyncImageResult> {
    const { room, registry, there } = this;
    return await room.sync(`docker://${registry.host}/a:${tag}`, `docker://${there.host}/b:${to}`);
  }

  /** What the sync asks of the source; the dry run asks the same. */
  async asked(tag = "v1"): Promise<{ changed: boolean; digest: string; lines: string[] }> {
    this.registry.log.length = 0;
    const { changed, digest } = await this.sync(tag);
    return { changed, digest, lines: this.registry.log.slice() };
  }

  get cache(): Cache {
    return new Cache(this.room.path("cache"));
  }

  /** The pointer of the name. */
  async pointer(): Promise<string> {
    for await (const path of files(this.room.path("cache/oci-v1"))) {
      if ((await Deno.readTextFile(path)).includes(`"name docker://${this.registry.host}/a:v1"`)) {
        return path;
      }
    }
    throw new Error("there is none");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.registry[Symbol.asyncDispose]();
    await this.there[Symbol.asyncDispose]();
    await this.room[Symbol.asyncDispose]();
  }
}

async function* files(folder: string): AsyncGenerator<string> {
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    const path = `${folder}/${name}`;
    if (isDirectory) yield* files(path);
    else yield path;
  }
}

async function overwrite(path: string, content: Uint8Array | string): Promise<void> {
  await Deno.remove(path);
  await (typeof content === "string"
    ? Deno.writeTextFile(path, content)
    : Deno.writeFile(path, content));
}

const damages: Record<string, (index: string, pointer: string) => Promise<void>> = {
  "with one bit flipped": async (index) => {
    const bytes = await Deno.readFile(index);
    bytes[bytes.length >> 1]! ^= 1;
    await overwrite(index, bytes);
  },
  "cut": async (index) => await overwrite(index, (await Deno.readFile(index)).subarray(0, 20)),
  "another's": async (index) => {
    const text = await Deno.readTextFile(index);
    await overwrite(index, text.replaceAll("riscv64", machinePlatform().architecture));
  },
  "too large": async (index) => await overwrite(index, new Uint8Array(5 * 1024 * 1024)),
  "gone": async (index) => await Deno.remove(index),
  "a folder": async (index) => {
    await Deno.remove(index);
    await Deno.mkdir(index);
  },
  "said to be an image": async (_index, pointer) => {
    const text = await Deno.readTextFile(pointer);
    await overwrite(pointer, text.replaceAll("image.index.v1", "image.manifest.v1"));
  },
  "under a pointer that is no JSON": async (_index, pointer) => await overwrite(pointer, "{"),
  "under a pointer of another form": async (_index, pointer) => {
    const text = await Deno.readTextFile(pointer);
    await overwrite(pointer, text.replace('"parts": [', '"parts": [7,'));
  },
};

for (const [damage, harm] of Object.entries(damages)) {
  Deno.test(`syncImage() asks for an index anew that is kept ${damage}, and keeps it again`, async () => {
    await using ground = await Ground.make();
    const { digest, lines } = await ground.asked();
    assertEquals(lines, ["HEAD 200", "HEAD 200"]);
    const [index] = ground.registry.behind.store.repository("a").tags.values();
    const path = ground.cache.blobs.path(index as Digest);
    await harm(path, await ground.pointer());
    assertEquals(await ground.asked(), {
      changed: false,
      digest,
      lines: ["GET 200", "GET 200"],
    });
    assertEquals(sha256(await Deno.readFile(path)), index);
    assertEquals(await ground.asked(), { changed: false, digest, lines });
  });
}

Deno.test("syncImage() takes nothing that is kept of one name for another, whatever a registry says of it", async () => {
  await using ground = await Ground.make();
  const other = await ground.push("v2", "other");
  await ground.sync("v2");
  const { image } = await ground.push("v1", "two");
  ground.registry.lie = { head: other.index };
  const { changed, digest } = await ground.sync();
  assertEquals([changed, digest], [true, image]);
  const { tags } = ground.there.behind.store.repository("b");
  assertEquals(tags.get("v1"), image);
});

Deno.test("syncImage() can be told by HEAD that a tag did not move, and leaves what is there then", async () => {
  await using ground = await Ground.make();
  const [old] = ground.registry.behind.store.repository("a").tags.values();
  const before = await ground.sync();
  const { image } = await ground.push("v1", "two");
  ground.registry.lie = { head: old! };
  assertEquals(await ground.asked(), {
    changed: false,
    digest: before.digest,
    lines: ["HEAD 200", "HEAD 200"],
  });
  ground.registry.lie = {};
  assertEquals((await ground.sync()).digest, image);
});

Deno.test("syncImage() can be told by a 304 that a tag did not move, and brings nothing then but what that meant", async () => {
  await using ground = await Ground.make();
  const before = await ground.sync();
  const { image } = await ground.push("v1", "two");
  ground.registry.lie = { unchanged: true };
  assertEquals((await ground.sync()).changed, false);
  // By another name nothing of it is there: what comes is the image of that very index, hashed like all that comes.
  const elsewhere = await ground.sync("v1", "v9");
  assertEquals([elsewhere.changed, elsewhere.digest], [true, before.digest]);
  // What the registry does not have any more it cannot give.
  for (const { behind } of [ground.registry, ground.there]) {
    for (const { manifests } of behind.store.repositories.values()) {
      manifests.delete(before.digest);
    }
  }
  await overwrite(ground.cache.blobs.path(before.digest), "damaged");
  await assertRejects(() => ground.sync("v1", "v10"), KedgeError, "the registry has none");
  const { tags } = ground.there.behind.store.repository("b");
  assertEquals(tags.has("v10"), false);
  ground.registry.lie = {};
  assertEquals((await ground.sync()).digest, image);
  assertEquals(tags.get("v1"), image);
});

Deno.test("syncImage() keeps nothing of a name in a dry run, and does without a cache that takes nothing", async () => {
  await using ground = await Ground.make();
  await Deno.remove(ground.room.path("cache"), { recursive: true });
  await Deno.mkdir(ground.room.path("cache"));
  // What a cache writes first is in the way.
  await Deno.writeTextFile(ground.room.path("cache/oci-v1"), "");
  await Deno.writeTextFile(ground.room.path("cache/blobs-v1"), "");
  for (let run = 0; run < 2; run++) {
    const { changed, lines } = await ground.asked();
    assertEquals([changed, lines], [false, ["GET 200", "GET 200"]]);
  }
});

Deno.test("cache:prune leaves what is kept of a name while there is its pointer, and takes it afterwards", async () => {
  await using ground = await Ground.make();
  const { cache } = ground;
  const blobs = async () => (await Array.fromAsync(cache.blobs.list())).map(({ digest }) => digest);
  const kept = await blobs();
  assert(kept.length > 0);
  await pruneCache(cache);
  assertEquals(await blobs(), kept);
  await Deno.remove(await ground.pointer());
  await pruneCache(cache);
  assertEquals(await blobs(), []);
  assertEquals((await ground.asked()).lines, ["GET 200", "GET 200"]);
});
