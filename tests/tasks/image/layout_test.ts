/** Layouts whose files and locks are not as one would wish. */
import { assertEquals, assertRejects } from "@std/assert";
import { join } from "@std/path";
import { sha256 } from "../../../lib/base/digest.ts";
import { UsageError, VerificationError } from "../../../lib/base/errors.ts";
import { lockFile } from "../../../lib/base/file_lock.ts";
import { Cache } from "../../../lib/cache/cache.ts";
import { Layout, nameOf } from "../../../lib/oci/layout/layout.ts";
import { syncImage } from "../../../tasks/image/image.ts";
import { KnownBlobs } from "../../../tasks/image/known.ts";
import { syncImages } from "../../../tasks/image/list.ts";
import { ImageRoom } from "../../support/image_room.ts";
import { inFolder } from "../../support/in_folder.ts";
import { blobsOf, randomBytes, writeImage } from "../../support/layout.ts";

Deno.test("syncImage() copies from a read-only layout, and a copy that was cut leaves nothing in the way", () =>
  inFolder(async (folder) => {
    const source = join(folder, "source");
    await writeImage(source, "latest", { layers: [randomBytes(5000)] });
    for (const digest of await blobsOf(source)) {
      const path = new Layout(source).blobPath(digest);
      await Deno.chmod(path, 0o444);
      const cut = join(folder, "to", ".kedge", "partials", digest.slice(7));
      await Deno.mkdir(cut, { recursive: true });
      await Deno.writeFile(join(cut, "data"), new Uint8Array(10), { mode: 0o444 });
    }
    const cache = new Cache(join(folder, "cache"));
    await syncImage({ from: `oci:${source}:latest`, to: `oci:${join(folder, "to")}:latest` }, {
      cache,
    });
    const written = new Layout(join(folder, "to"));
    for (const digest of await blobsOf(join(folder, "to"))) {
      const { mode } = await Deno.stat(written.blobPath(digest));
      assertEquals((mode ?? 0) & 0o200, 0o200);
    }
  }));

Deno.test("syncImage() obeys an abort while it waits for another writer of the layout", () =>
  inFolder(async (folder) => {
    const source = join(folder, "source");
    const to = join(folder, "to");
    await writeImage(source, "latest", { layers: ["one"] });
    await Deno.mkdir(join(to, ".kedge"), { recursive: true });
    using _held = await lockFile(join(to, ".kedge", "lock"));
    const stop = new AbortController();
    const context = {
      cache: new Cache(join(folder, "cache")),
      signal: stop.signal,
      // It waits for the other writer from the commit on.
      report: ({ type, phase }: { type: string; phase?: string }) => {
        if (type !== "phase-start" || phase !== "commit") return;
        setTimeout(() => stop.abort(new Error("enough")), 50);
      },
    };
    await assertRejects(
      () => syncImage({ from: `oci:${source}:latest`, to: `oci:${to}:latest` }, context),
      Error,
      "enough",
    );
  }));

Deno.test("syncImage() points to no image of which a part was collected at the last moment", () =>
  inFolder(async (folder) => {
    const [source, to] = [join(folder, "source"), join(folder, "to")];
    await writeImage(source, "v1", { layers: ["one", "two"] });
    await writeImage(to, "v0", { layers: ["one"] });
    const layout = new Layout(to);
    await layout.drop(() => true);
    const run = (onCommit: () => void) =>
      syncImage({ from: `oci:${source}:v1`, to: `oci:${to}:v1` }, {
        cache: new Cache(join(folder, "cache")),
        report: (event) => {
          if (event.type === "phase-start" && event.phase === "commit") onCommit();
        },
      });
    const gone = layout.blobPath(sha256("one"));
    const error = await assertRejects(() => run(() => Deno.removeSync(gone)), VerificationError);
    assertEquals(
      error.message,
      `Cannot finish "oci:${to}:v1": ${sha256("one")} is gone from it`,
    );
    assertEquals(await layout.entries(), []);
    await run(() => {});
    assertEquals((await layout.entries()).map(nameOf), ["v1"]);
  }));

Deno.test("syncImages() goes where a path leads that goes up from a link, and finds again what it put there", () =>
  inFolder(async (folder) => {
    await Deno.mkdir(join(folder, "real", "deep"), { recursive: true });
    await Deno.symlink("real/deep", join(folder, "link"));
    const cache = new Cache(join(folder, "cache"));
    const layers = [randomBytes(5000)];
    for (const tag of ["a", "b"]) {
      await writeImage(join(folder, "source"), tag, { layers, annotations: { tag } });
    }
    const from = (tag: string) => `oci:${folder}/source:${tag}`;
    const there = `oci:${folder}/link/../store:1`;
    const both = (second: string) =>
      syncImages({
        images: [{ from: from("a"), to: there }, { from: from("b"), to: `oci:${second}:1` }],
      }, { cache });
    await both(join(folder, "store"));
    await assertRejects(
      () => both(join(folder, "real", "store")),
      UsageError,
      "is to go there too",
    );
    for (const gone of ["source", "store"]) {
      await Deno.remove(join(folder, gone), { recursive: true });
    }
    const found = await new KnownBlobs(cache).find({ digest: sha256(layers[0]!), size: 5000 });
    assertEquals(found?.path, new Layout(`${folder}/real/store`).blobPath(sha256(layers[0]!)));
  }));

Deno.test("syncImage() removes what killed processes left in a layout a day ago, and nothing of those that live or of others", async () => {
  await using room = await ImageRoom.make();
  const to = room.path("to");
  await writeImage(room.path("from"), "v1", { layers: ["1"] });
  await writeImage(room.path("from"), "v2", { layers: ["2"] });
  await room.sync(`oci:${room.path("from")}:v1`, `oci:${to}:v1`);
  const work = join(to, ".kedge");
  const hex = "a".repeat(64);
  const dayAgo = new Date(Date.now() - 25 * 3_600_000);
  const gone = 999_999_999;
  const old = [
    join(work, `${hex}.tmp-${gone}-00000001`),
    join(to, `index.json.tmp-${gone}-00000002`),
    // In a container each run has the same number.
    join(to, `index.json.tmp-${Deno.pid}-00000007`),
  ];
  const oldOfOthers = [
    join(work, `${hex}.tmp-${Deno.ppid || 1}-00000003`),
    join(work, "notes.txt"),
    join(to, "notes.tmp"),
  ];
  const young = [join(work, `${hex}.tmp-${gone}-00000004`)];
  for (const path of [...old, ...oldOfOthers, ...young]) await Deno.writeTextFile(path, "12345");
  for (const path of [...old, ...oldOfOthers]) await Deno.utime(path, dayAgo, dayAgo);
  await Deno.mkdir(join(work, `${hex}.tmp-${gone}-00000005`));
  await Deno.symlink(room.path("from"), join(work, `${hex}.tmp-${gone}-00000006`));
  const standing = async () => {
    const paths = [...old, ...oldOfOthers, ...young];
    return await Promise.all(paths.map((path) => Deno.lstat(path).then(() => true, () => false)));
  };
  const all = Array(7).fill(true);
  const sync = (tag: string, dryRun = false) =>
    syncImage({ from: `oci:${room.path("from")}:${tag}`, to: `oci:${to}:${tag}` }, {
      ...room.context,
      dryRun,
    });
  await sync("v1"); // Nothing is to be written.
  await sync("v2", true);
  assertEquals(await standing(), all);
  await sync("v2");
  assertEquals(await standing(), [false, false, false, true, true, true, true]);
  assertEquals((await Deno.lstat(join(work, `${hex}.tmp-${gone}-00000005`))).isDirectory, true);
  assertEquals((await Deno.lstat(join(work, `${hex}.tmp-${gone}-00000006`))).isSymlink, true);
  assertEquals(
    (await syncImage({
      from: `oci:${to}:v1`,
      to: `oci:${room.path("end")}:v1`,
    }, room.context)).changed,
    true,
  );
});
