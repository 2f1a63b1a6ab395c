import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { basename, join } from "@std/path";
import { decodeHex, encodeBase64 } from "@std/encoding";
import { sha256 } from "../../../lib/base/digest.ts";
import { digestHex } from "../../../lib/base/digest_text.ts";
import {
  exitCodeOf,
  UnreachableError,
  UsageError,
  VerificationError,
} from "../../../lib/base/errors.ts";
import { Lockfile } from "../../../lib/cache/lockfile.ts";
import { formatNixHash } from "../../../lib/nix/nix_hash.ts";
import { file, next, small, withOrigin } from "../../support/kexec_origin.ts";
import { treeOf } from "../../support/tree.ts";

Deno.test("cacheKexec() with a pinned digest asks nobody, not even to refresh", () =>
  withOrigin(small, async ({ origin, run }) => {
    const pinned = { sha256: sha256(small) };
    await run(pinned);
    const result = await run({ ...pinned, maxAge: 0 }, { refresh: "all" });
    assertEquals([result.changed, result.requests], [false, 0]);
    assertEquals(origin.requests.length, 1);
  }));

Deno.test("cacheKexec() takes a digest in each of Nix's spellings, and finds by it what is cached", () =>
  withOrigin(small, async ({ origin, run }) => {
    const digest = sha256(small);
    const sri = `sha256-${encodeBase64(decodeHex(digestHex(digest)))}`;
    const base32 = formatNixHash(digest);
    for (const text of [sri, base32, base32.slice("sha256:".length), digestHex(digest), digest]) {
      assertEquals((await run({ sha256: text })).digest, digest);
    }
    assertEquals(origin.requests.length, 1);
    const wrong = { sha256: sri.replace(/.{3}=$/, "AAA=") };
    assertEquals(exitCodeOf(await assertRejects(() => run(wrong), VerificationError)), 3);
    const none = { sha256: sri.slice(0, -1) };
    const error = await assertRejects(() => run(none), UsageError, "behind sha256- stand");
    assertEquals(exitCodeOf(error), 2);
  }));

Deno.test("cacheKexec() refuses another digest than the pinned one and leaves the cache as it was", () =>
  withOrigin(small, async ({ run, dir }) => {
    await run();
    const tree = await treeOf(join(dir, "blobs-v1"));
    const wrong = { sha256: sha256("something else") };
    const error = await assertRejects(() => run(wrong), VerificationError, "instead of");
    assertEquals(exitCodeOf(error), 3);
    assertEquals(await treeOf(join(dir, "blobs-v1")), tree);
    assertEquals(await treeOf(join(dir, "partials-v1")), new Map([["/", ""]]));
    assertEquals((await run()).digest, sha256(small));
  }));

Deno.test("cacheKexec() takes the same bytes of another URL from the cache", () =>
  withOrigin(small, async ({ origin, run }) => {
    await run();
    origin.files.set("/other.tar.gz", { body: small });
    const url = origin.url("/other.tar.gz");
    const result = await run({ url, sha256: sha256(small) });
    assertEquals([result.bytesMoved, result.bytesReused, result.requests], [0, small.length, 0]);
    assertEquals(basename(result.path), "other.tar.gz");
    assertEquals(await Deno.readFile(result.path), small);
  }));

Deno.test("cacheKexec() keeps the same bytes of two URLs once, though both were fetched", () =>
  withOrigin(small, async ({ origin, run }) => {
    origin.files.set("/other.tar.gz", { body: small });
    const paths = [await run(), await run({ url: origin.url("/other.tar.gz") })];
    const [first, second] = await Promise.all(paths.map(({ path }) => Deno.stat(path)));
    assertEquals([first!.ino, first!.nlink], [second!.ino, 3]);
  }));

Deno.test("cacheKexec() pins the first use in the lockfile and refuses other bytes ever after", () =>
  withOrigin(small, async ({ origin, run, dir }) => {
    const path = join(dir, "..", "kedge.lock");
    const lockfile = new Lockfile(path);
    await run({}, { lockfile, dryRun: true });
    assertEquals(await lockfile.pinned(`kexec ${origin.url("/bundle.tar.gz")}`), undefined);
    await run({}, { lockfile });
    const pin = await lockfile.pinned(`kexec ${origin.url("/bundle.tar.gz")}`);
    assertEquals([pin?.digest, pin?.size], [sha256(small), small.length]);

    file(origin).body = next;
    const asked = origin.requests.length;
    assertEquals((await run({}, { lockfile, refresh: "all" })).digest, sha256(small));
    assertEquals(origin.requests.length, asked);
    await Deno.remove(dir, { recursive: true });
    const error = await assertRejects(() => run({}, { lockfile }), VerificationError);
    assertStringIncludes(error.hint!, "--update");
  }));

Deno.test("cacheKexec() with an update accepts the new bytes, says what changed, and can go back", () =>
  withOrigin(small, async ({ origin, run, dir }) => {
    const path = join(dir, "..", "kedge.lock");
    await run({}, { lockfile: new Lockfile(path) });
    const old = await Deno.readTextFile(path);
    file(origin).body = next;
    const notes: string[] = [];
    const moved = await run({}, {
      lockfile: new Lockfile(path, { update: ["kexec"] }),
      report: (event) => event.type === "note" && notes.push(event.message),
    });
    assertEquals(moved.digest, sha256(next));
    assertStringIncludes(notes.join(), `${sha256(small)} (${small.length} bytes`);
    assertStringIncludes(notes.join(), "kexec/bzImage changed");
    assertStringIncludes(notes.join(), "kernel 6.12.1-kedge is now 6.12.2-kedge");
    assertStringIncludes(await Deno.readTextFile(path), sha256(next));
    assertStringIncludes(moved.why, "an update was asked for");

    await Deno.writeTextFile(path, old);
    const back = await run({}, { lockfile: new Lockfile(path) });
    assertEquals([back.digest, back.bytesMoved, back.requests], [sha256(small), 0, 0]);
    assertEquals(await Deno.readFile(back.path), small);
  }));

Deno.test("cacheKexec() goes back to the version before offline too, and to no other", () =>
  withOrigin(small, async ({ origin, run }) => {
    await run();
    file(origin).body = next;
    await run({}, { refresh: "all" });
    const asked = origin.requests.length;
    const options = { sha256: sha256(small) };
    const foreseen = await run(options, { offline: true, dryRun: true });
    assertEquals([foreseen.digest, foreseen.bytesMoved], [sha256(small), 0]);
    const back = await run(options, { offline: true });
    assertEquals([back.digest, back.changed], [sha256(small), true]);
    assertEquals(await Deno.readFile(back.path), small);
    await assertRejects(
      () => run({ sha256: sha256("never seen") }, { offline: true }),
      UnreachableError,
      "the network is not to be used",
    );
    assertEquals(origin.requests.length, asked);
  }));

Deno.test("cacheKexec() says so where its pin cannot be written", () =>
  withOrigin(small, async ({ run, dir }) => {
    const inTheWay = join(dir, "..", "a file");
    await Deno.writeTextFile(inTheWay, "");
    const path = join(inTheWay, "kedge.lock");
    const error = await assertRejects(() => run({}, { lockfile: new Lockfile(path) }), UsageError);
    assertStringIncludes(error.message, path);
  }));

Deno.test("cacheKexec() with a frozen lockfile refuses what it does not hold", () =>
  withOrigin(small, async ({ origin, run, dir }) => {
    const lockfile = new Lockfile(join(dir, "..", "kedge.lock"), { frozen: true });
    await assertRejects(() => run({}, { lockfile }), UsageError, "does not hold it");
    assertEquals(origin.requests.length, 0);
  }));

Deno.test("cacheKexec() hands out no damaged contents, not even those that are pinned", () =>
  withOrigin(small, async ({ origin, run, dir }) => {
    for (const options of [{}, { sha256: sha256(small) }]) {
      const first = await run(options);
      await Deno.chmod(first.path, 0o644);
      using blob = await Deno.open(first.path, { write: true });
      const { mtime: before } = await blob.stat();
      // The clock of a file system may stand still for some milliseconds.
      while ((await blob.stat()).mtime!.getTime() === before!.getTime()) {
        await blob.seek(5000, Deno.SeekMode.Start);
        await blob.write(new Uint8Array([1, 2, 3, 4]));
      }
      const asked = origin.requests.length;
      const tree = await treeOf(join(dir, "blobs-v1"));
      assertEquals((await run(options, { dryRun: true })).changed, true);
      assertEquals(await treeOf(join(dir, "blobs-v1")), tree);
      const again = await run(options);
      assertEquals([again.changed, again.bytesMoved], [true, small.length]);
      assertEquals(again.why, "its contents are damaged in the cache");
      assertEquals(await Deno.readFile(again.path), small);
      assertEquals(origin.requests.length, asked + 2);
      assertEquals((await run(options)).changed, false);
    }
  }));
