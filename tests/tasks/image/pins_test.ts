/** Tags that the lockfile pins. */
import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { Turns } from "../../../lib/base/turns.ts";
import { type Digest, sha256 } from "../../../lib/base/digest.ts";
import { KedgeError, UsageError, VerificationError } from "../../../lib/base/errors.ts";
import { Cache } from "../../../lib/cache/cache.ts";
import { Lockfile } from "../../../lib/cache/lockfile.ts";
import type { Refresh } from "../../../lib/cache/refresh.ts";
import { Layout } from "../../../lib/oci/layout/layout.ts";
import { referrersTag } from "../../../lib/oci/referrers.ts";
import { syncImage, type SyncImageOptions } from "../../../tasks/image/image.ts";
import { syncImages, type SyncImagesOptions } from "../../../tasks/image/list.ts";
import { FakeRegistry } from "../../support/fake_registry.ts";
import { attachSignature, writeImage, writeIndex } from "../../support/layout.ts";
import { runKedge } from "../../support/program.ts";

/** A registry with images, a lockfile, and a place for copies. */
class PinRoom implements AsyncDisposable {
  readonly registry = new FakeRegistry();
  readonly notes: string[] = [];

  private constructor(readonly folder: string) {}

  static async make(): Promise<PinRoom> {
    return new PinRoom(await Deno.makeTempDir());
  }

  /** The repository. */
  get repository(): string {
    return `docker://${this.registry.host}/team/vm`;
  }

  get lockfile(): string {
    return `${this.folder}/kedge.lock`;
  }

  /** Puts an image under a tag of the registry. */
  async push(tag: string, layer: string): Promise<Digest> {
    const layout = `${this.folder}/made`;
    await writeImage(layout, tag, { layers: [layer] });
    const ctx = { cache: new Cache(`${this.folder}/other`) };
    const from = `oci:${layout}:${tag}`;
    return (await syncImage({ from, to: `${this.repository}:${tag}` }, ctx)).digest as Digest;
  }

  context(how: { update?: Refresh; frozen?: boolean } = {}) {
    return {
      cache: new Cache(`${this.folder}/cache`),
      lockfile: new Lockfile(this.lockfile, how),
      report: (event: { type: string; message?: string }) =>
        void (event.type === "note" && this.notes.push(event.message!)),
    };
  }

  /** A dry run, which must leave the lockfile alone and foresee the figures, then the run. */
  async sync(
    how: { update?: Refresh; frozen?: boolean } = {},
    options: Partial<SyncImageOptions> = {},
  ) {
    const all = { from: `${this.repository}:v1`, to: `oci:${this.folder}/to:v1`, pin: true };
    return await this.#both(how, (ctx) => syncImage({ ...all, ...options }, ctx));
  }

  /** The same of the tags that fit. */
  async syncTags(
    tags: string,
    how: { update?: Refresh; frozen?: boolean } = {},
    options: Partial<SyncImagesOptions> = {},
  ) {
    const images = [{ from: this.repository, to: `oci:${this.folder}/to`, tags }];
    return await this.#both(how, (ctx) => syncImages({ images, pin: true, ...options }, ctx));
  }

  async #both<R>(
    how: { update?: Refresh; frozen?: boolean },
    run: (ctx: ReturnType<PinRoom["context"]> & { dryRun: boolean }) => Promise<R>,
  ): Promise<R> {
    const before = await this.pins();
    const planned = await run({ ...this.context(how), dryRun: true });
    assertEquals(await this.pins(), before);
    const done = await run({ ...this.context(how), dryRun: false });
    assertEquals({ ...planned, dryRun: false }, done);
    return done;
  }

  /** What is pinned, by tag. */
  async pins(): Promise<Record<string, string>> {
    const text = await Deno.readTextFile(this.lockfile).catch(() => '{"pins":{}}');
    const { pins } = JSON.parse(text) as { pins: Record<string, { digest: string }> };
    return Object.fromEntries(
      Object.entries(pins).map(([key, { digest }]) => {
        assertEquals(key.startsWith(`image ${this.repository}:`), true, key);
        return [key.slice(`image ${this.repository}:`.length), digest];
      }),
    );
  }

  /** What was asked since the last time. */
  asked(): string[] {
    return this.registry.requests.splice(0).map(({ method, path }) => `${method} ${path}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.registry[Symbol.asyncDispose]();
    await Deno.remove(this.folder, { recursive: true });
  }
}

Deno.test("syncImage() pins what a tag meant at its first use, and copies that ever after", async () => {
  await using room = await PinRoom.make();
  const first = await room.push("v1", "old");
  assertEquals((await room.sync()).digest, first);
  assertEquals(await room.pins(), { v1: first });
  const pin = await new Lockfile(room.lockfile).pinned(`image ${room.repository}:v1`);
  const size = room.registry.store.repository("team/vm").manifests.get(first)!.bytes.byteLength;
  assertEquals([pin?.size, Number.isNaN(Date.parse(pin?.date ?? ""))], [size, false]);

  const second = await room.push("v1", "new");
  assertEquals(room.notes, []);
  await Deno.remove(`${room.folder}/to`, { recursive: true });
  room.asked();
  const { digest, requests } = await room.sync();
  assertEquals(digest, first);
  const asked = room.asked();
  // Beside what the run asks, which the dry run foretold: its own look at the manifest, and that at the tag.
  assertEquals(asked.length, 1 + 1 + requests, asked.join("\n"));
  // The dry run looks at the tag, to say that it moved.
  assertEquals(asked.filter((each) => each.endsWith("/manifests/v1")), [
    "HEAD /v2/team/vm/manifests/v1",
  ]);
  assertEquals(room.notes, [
    `${room.repository}:v1 points to ${second} now, and "${room.lockfile}" pins ${first}; ` +
    `--update=${room.repository}:v1 follows it`,
  ]);
  assertEquals(await room.pins(), { v1: first });
});

Deno.test("syncImage() asks the registry nothing where the destination has what is pinned", async () => {
  await using room = await PinRoom.make();
  const first = await room.push("v1", "old");
  await room.sync({}, { pin: false });
  assertEquals(await room.pins(), {});
  assertEquals((await room.sync()).changed, false);
  assertEquals(await room.pins(), { v1: first });
  await room.push("v1", "new");
  room.asked();
  const { changed, requests, digest } = await syncImage(
    { from: `${room.repository}:v1`, to: `oci:${room.folder}/to:v1`, pin: true },
    room.context(),
  );
  assertEquals([changed, requests, digest, room.asked()], [false, 0, first, []]);
});

Deno.test("syncImage() pins an index whole, whatever platform of it was wanted", async () => {
  await using room = await PinRoom.make();
  const made = `${room.folder}/made`;
  const arm = { os: "linux", architecture: "arm64" };
  const index = await writeIndex(made, "v1", [{ layers: ["a"] }, { layers: ["b"], platform: arm }]);
  const ctx = { cache: new Cache(`${room.folder}/other`) };
  await syncImage(
    { from: `oci:${made}:v1`, to: `${room.repository}:v1`, allPlatforms: true },
    ctx,
  );
  const one = await room.sync({}, { platforms: ["linux/amd64"] });
  const other = await room.sync({}, { platforms: ["linux/arm64"] });
  assertEquals([one.digest === other.digest, await room.pins()], [false, { v1: index.digest }]);
});

Deno.test("syncImage() follows a tag that an update names, and pins it anew once it is copied", async () => {
  await using room = await PinRoom.make();
  let held = await room.push("v1", "0");
  await room.sync();
  const names = [
    `${room.repository}:v1`,
    `image ${room.repository}:v1`,
    room.repository,
    room.repository.slice("docker://".length),
    "v1",
    "image",
  ];
  for (const [at, update] of (["all", ...names.map((name) => [name])] as Refresh[]).entries()) {
    const next = await room.push("v1", `${at + 1}`);
    assertEquals((await room.sync({ update: ["v2", "kexec"] })).digest, held);
    assertEquals(await room.pins(), { v1: held });
    assertEquals((await room.sync({ update })).digest, next);
    assertEquals(await room.pins(), { v1: next });
    held = next;
  }
});

Deno.test("syncImage() neither pins nor moves a pin where the copy fails", async () => {
  await using room = await PinRoom.make();
  const damage = (layer: string) => room.registry.store.blobs.set(sha256(layer), new Uint8Array(3));
  const first = await room.push("v1", "old");
  damage("old");
  const run = (how: { update?: Refresh } = {}) =>
    syncImage(
      { from: `${room.repository}:v1`, to: `oci:${room.folder}/to:v1`, pin: true },
      room.context(how),
    );
  await assertRejects(() => run(), VerificationError);
  assertEquals(await room.pins(), {});
  room.registry.store.blobs.set(sha256("old"), new TextEncoder().encode("old"));
  await run();
  assertEquals(await room.pins(), { v1: first });
  await room.push("v1", "new");
  damage("new");
  await assertRejects(() => run({ update: "all" }), VerificationError);
  assertEquals(await room.pins(), { v1: first });
});

Deno.test("syncImage() with a frozen lockfile copies what it holds, and asks for nothing else", async () => {
  await using room = await PinRoom.make();
  const first = await room.push("v1", "old");
  room.asked();
  const error = await assertRejects(
    () => room.sync({ frozen: true }),
    UsageError,
    `Cannot use "image ${room.repository}:v1"`,
  );
  assertStringIncludes(error.hint ?? "", "--frozen");
  assertEquals(room.asked(), []);
  await room.sync();
  await room.push("v1", "new");
  assertEquals((await room.sync({ frozen: true })).digest, first);
});

Deno.test("syncImage() pins no reference that names a digest, and a tag by its normal form", async () => {
  await using room = await PinRoom.make();
  const first = await room.push("latest", "old");
  const pinned = `${room.repository}@${first}`;
  assertEquals((await room.sync({ frozen: true }, { from: pinned })).digest, first);
  assertEquals(await room.pins(), {});
  const upper = room.repository.replace("127.0.0.1", "LOCALHOST");
  await room.sync({}, { from: upper });
  const lockfile = new Lockfile(room.lockfile);
  const name = `${room.repository.replace("127.0.0.1", "localhost")}:latest`;
  assertEquals((await lockfile.pinned(`image ${name}`))?.digest, first);
});

Deno.test("syncImage() says what to do where the registry has no longer what is pinned", async () => {
  await using room = await PinRoom.make();
  const first = await room.push("v1", "old");
  await room.sync();
  const second = await room.push("v1", "new");
  const { manifests, tags } = room.registry.store.repository("team/vm");
  manifests.delete(first);
  // What is there already needs no registry.
  assertEquals((await room.sync()).changed, false);
  const options = { to: `oci:${room.folder}/elsewhere:v1` };
  for (const mirrors of [undefined, [`${room.registry.host}=${room.registry.host}/mirror`]]) {
    const error = await assertRejects(
      () => room.sync({}, { ...options, mirrors }),
      KedgeError,
      `Cannot find "${room.repository}:v1": "${room.lockfile}" pins ${first}, and the registry has none`,
    );
    assertStringIncludes(error.hint ?? "", `--update=${room.repository}:v1`);
  }
  assertEquals((await room.sync({ update: "all" }, options)).digest, second);
  tags.delete("v1");
  room.notes.length = 0;
  assertEquals((await room.sync({}, options)).digest, second);
  assertEquals(room.notes, [
    `${room.repository}:v1 is gone, and "${room.lockfile}" pins ${second}`,
  ]);
});

Deno.test("syncImage() refuses a lockfile with a malformed digest of an image before it asks anybody", async () => {
  await using room = await PinRoom.make();
  await room.push("v1", "old");
  room.asked();
  const hex = "0".repeat(64);
  for (const digest of ["sha256:1", `sha512:${hex}`, `SHA256:${hex}`, hex, "../../v2", 7, null]) {
    const pins = { [`image ${room.repository}:v1`]: { digest } };
    await Deno.writeTextFile(room.lockfile, JSON.stringify({ version: 1, pins }));
    const run = () =>
      syncImage(
        { from: `${room.repository}:v1`, to: `oci:${room.folder}/to:v1`, pin: true },
        room.context(),
      );
    await assertRejects(run, UsageError, `"digest" of "image ${room.repository}:v1"`);
  }
  assertEquals(room.asked(), []);
});

Deno.test("syncImage() takes no manifest of another digest for what is pinned", async () => {
  await using room = await PinRoom.make();
  const first = await room.push("v1", "old");
  await room.sync();
  const second = await room.push("v1", "new");
  const { manifests } = room.registry.store.repository("team/vm");
  manifests.set(first, manifests.get(second)!);
  await assertRejects(
    () => room.sync({}, { to: `oci:${room.folder}/elsewhere:v1` }),
    VerificationError,
  );
});

Deno.test("syncImage() pins tags of registries alone, and only with a lockfile", async () => {
  await using room = await PinRoom.make();
  await room.push("v1", "old");
  room.asked();
  await assertRejects(
    () => room.sync({}, { from: `oci:${room.folder}/made:v1` }),
    UsageError,
    "it is no tag of a registry",
  );
  const { lockfile: _none, ...context } = room.context();
  const images = [{ from: room.repository, to: `oci:${room.folder}/to`, tags: ".*" }];
  for (
    const run of [
      () => syncImage({ from: `${room.repository}:v1`, to: images[0]!.to, pin: true }, context),
      () => syncImages({ images, pin: true }, context),
    ]
  ) {
    const error = await assertRejects(run, UsageError, "Cannot pin images: there is no lockfile");
    assertStringIncludes(error.hint ?? "", "--lock");
  }
  assertEquals(room.asked(), []);
});

Deno.test("syncImages() pins each tag that it finds", async () => {
  await using room = await PinRoom.make();
  const [one, two] = [await room.push("v1", "1"), await room.push("v2", "2")];
  await room.push("latest", "3");
  const found = await room.syncTags("v.*");
  assertEquals(found.images.map(({ digest }) => digest), [one, two]);
  assertEquals(await room.pins(), { v1: one, v2: two });
  const [moved, three] = [await room.push("v2", "another"), await room.push("v3", "4")];
  await assertRejects(() => room.syncTags("v.*", { frozen: true }), UsageError, ":v3");
  assertEquals((await room.syncTags("v[12]", { frozen: true })).changed, false);
  const next = await room.syncTags("v.*");
  assertEquals(next.images.map(({ digest }) => digest), [one, two, three]);
  assertEquals(await room.pins(), { v1: one, v2: two, v3: three });
  await room.syncTags("v.*", { update: ["v2"] });
  assertEquals(await room.pins(), { v1: one, v2: moved, v3: three });
});

Deno.test("syncImages() warns of a tag that is pinned and fits, and that the registry lists no more", async () => {
  await using room = await PinRoom.make();
  const one = await room.push("v1", "1");
  const two = await room.push("v2", "2");
  await room.push("other", "3");
  await room.syncTags(".*");
  const { tags } = room.registry.store.repository("team/vm");
  for (const tag of ["v1", "other"]) tags.delete(tag);
  const gone =
    `${room.repository}:v1 is gone and is left out, and "${room.lockfile}" pins ${one}; ` +
    "have it pushed again, or take it out of the file";
  for (const how of [{}, { frozen: true }, { update: ["v1"] }]) {
    const found = await room.syncTags("v.*", how);
    assertEquals(found.images.map(({ digest }) => digest), [two]);
    // The dry run says it, and the run.
    assertEquals(room.notes.splice(0), [gone, gone]);
  }
  await room.syncTags("v.*", {}, { pin: false });
  assertEquals(room.notes, []);
  // That none is left says so too.
  await assertRejects(() => room.syncTags("v1"), KedgeError, "no tag fits");
  assertEquals(room.notes, [gone]);
});

Deno.test("syncImage() tells of an index that is pinned and lacks a platform how to take a newer one", async () => {
  await using room = await PinRoom.make();
  const made = `${room.folder}/made`;
  const ctx = { cache: new Cache(`${room.folder}/other`) };
  const arm = { os: "linux", architecture: "arm64" };
  const push = async (...images: Parameters<typeof writeIndex>[2]) => {
    await writeIndex(made, "v1", images);
    const from = `oci:${made}:v1`;
    await syncImage({ from, to: `${room.repository}:v1`, allPlatforms: true }, ctx);
  };
  await push({ layers: ["a"] });
  const wanted = { platforms: ["linux/arm64"] };
  const first = await assertRejects(() => room.sync({}, wanted), KedgeError, "for linux/arm64");
  // What is not pinned is what there is.
  assertEquals(first.hint, "it has linux/amd64");
  await room.sync({}, { platforms: ["linux/amd64"] });
  await push({ layers: ["a"] }, { layers: ["b"], platform: arm });
  const error = await assertRejects(() => room.sync({}, wanted), KedgeError, "for linux/arm64");
  assertEquals(
    error.hint,
    `it has linux/amd64; "${room.lockfile}" pins that one, and --update=${room.repository}:v1 takes what there is now`,
  );
  await room.sync({ update: ["v1"] }, wanted);
});

Deno.test("syncImage() leaves an index whole that is pinned and brought to its own place", async () => {
  await using room = await PinRoom.make();
  const made = `${room.folder}/made`;
  const arm = { os: "linux", architecture: "arm64" };
  const index = await writeIndex(made, "v1", [{ layers: ["a"] }, { layers: ["b"], platform: arm }]);
  const [from, to] = [`oci:${made}:v1`, `${room.repository}:v1`];
  await syncImage({ from, to, allPlatforms: true }, { cache: new Cache(`${room.folder}/other`) });
  await room.sync();
  assertEquals(await room.pins(), { v1: index.digest });
  await assertRejects(() => room.sync({}, { to }), UsageError, "would lose all images but one");
  assertEquals((await room.sync({}, { to, allPlatforms: true })).changed, false);
});

Deno.test("syncImages() copies a list of referrers whole that is pinned", async () => {
  await using room = await PinRoom.make();
  const from = new Layout(`${room.folder}/signed`);
  const image = await writeImage(from.folder, "v1", { layers: ["x"] });
  const signature = await attachSignature(from, image);
  await syncImages(
    { images: [{ from: `oci:${from.folder}`, to: room.repository, tags: ".*" }] },
    { cache: new Cache(`${room.folder}/other`) },
  );
  const tag = referrersTag(image.digest);
  for (const _each of ["first use", "pinned"]) {
    await room.syncTags(".*");
    assertEquals(Object.keys(await room.pins()).sort(), [tag, "v1"]);
    assertEquals(await new Layout(`${room.folder}/to`).has(signature), true);
    await Deno.remove(`${room.folder}/to`, { recursive: true });
  }
});

Deno.test("syncImages() pins nothing where a tag moved between two looks at it", async () => {
  await using room = await PinRoom.make();
  const [first, second] = [await room.push("v1", "1"), await room.push("v2", "2")];
  const { tags } = room.registry.store.repository("team/vm");
  const turns = new Turns();
  await using moving = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    (request) =>
      turns.take("the tag", async () => {
        const { pathname } = new URL(request.url);
        const { method, headers } = request;
        const answer = await fetch(`${room.registry.url}${pathname}`, { method, headers });
        if (pathname.endsWith("/manifests/v1")) tags.set("v1", second);
        return answer;
      }),
  );
  const from = `docker://127.0.0.1:${moving.addr.port}/team/vm:v1`;
  const images = ["a", "b"].map((tag) => ({ from, to: `oci:${room.folder}/to:${tag}` }));
  await assertRejects(
    () => syncImages({ images, pin: true }, room.context()),
    KedgeError,
    `it moved from ${first} to ${second} while it was looked at`,
  );
  await assertRejects(() => Deno.stat(room.lockfile), Deno.errors.NotFound);
  await assertRejects(() => Deno.stat(`${room.folder}/to`), Deno.errors.NotFound);
});

Deno.test("syncImage() says nothing of a tag that is pinned where it is stopped while it looks at it", async () => {
  await using room = await PinRoom.make();
  await room.push("v1", "old");
  const stopping = new AbortController();
  let stops = false;
  await using registry = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    async ({ url, method, headers }) => {
      if (stops) stopping.abort(new Error("enough"));
      return await fetch(`${room.registry.url}${new URL(url).pathname}`, { method, headers });
    },
  );
  const from = `docker://127.0.0.1:${registry.addr.port}/team/vm:v1`;
  const options = { from, to: `oci:${room.folder}/to:v1`, pin: true };
  await syncImage(options, room.context());
  stops = true;
  const context = { ...room.context(), dryRun: true, signal: stopping.signal };
  await assertRejects(() => syncImage(options, context), Error, "enough");
  assertEquals(room.notes, []);
});

Deno.test("image:sync --pin uses the lockfile of --lock, or that beside the task file", async () => {
  await using room = await PinRoom.make();
  const first = await room.push("v1", "old");
  const cacheDir = `${room.folder}/cache`;
  const args = ["image:sync", `${room.repository}:v1`, `oci:${room.folder}/to:v1`, "--pin"];
  const without = await runKedge(args, { cacheDir });
  assertEquals(without.code, 2, without.stderr);
  assertStringIncludes(without.stderr, "Cannot pin images: there is no lockfile");
  assertStringIncludes(without.stderr, "--lock");
  const first_use = await runKedge([...args, "--lock", room.lockfile], { cacheDir });
  assertEquals(first_use.code, 0, first_use.stderr);
  const second = await room.push("v1", "new");
  const program = `${room.folder}/tasks.ts`;
  const root = new URL("../../../", import.meta.url).href;
  await Deno.writeTextFile(
    program,
    `import { main, syncImage, task } from ${JSON.stringify(`${root}mod.ts`)};
    const options = { from: ${JSON.stringify(args[1])}, to: ${JSON.stringify(args[2])}, pin: true };
    const image = task({ name: "image", description: "x", run: (ctx) => syncImage(options, ctx) });
    await main({ image });`,
  );
  const held = await runKedge(["image", "--frozen"], { cacheDir, program });
  assertEquals(held.code, 0, held.stderr);
  assertEquals(await room.pins(), { v1: first });
  const update = await runKedge(["image", "--update=v1"], { cacheDir, program });
  assertEquals(update.code, 0, update.stderr);
  assertEquals(await room.pins(), { v1: second });
});
