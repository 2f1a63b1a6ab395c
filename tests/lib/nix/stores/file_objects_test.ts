import { assertEquals, assertRejects } from "@std/assert";
import { join } from "@std/path";
import { sha256 } from "../../../../lib/base/digest.ts";
import { KedgeError, VerificationError } from "../../../../lib/base/errors.ts";
import type { ObjectMeter } from "../../../../lib/base/meter.ts";
import { FileObjects } from "../../../../lib/nix/stores/file_objects.ts";
import { inFolder } from "../../../support/in_folder.ts";
import { removeTree } from "../../../support/remove_tree.ts";

class Counting implements ObjectMeter {
  movedBytes = 0;
  reusedBytes = 0;
  moved(bytes: number): void {
    this.movedBytes += bytes;
  }
  reused(bytes: number): void {
    this.reusedBytes += bytes;
  }
  restarted(): void {}
  [Symbol.dispose](): void {}
}

function noise(size: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(size);
  for (let at = 0; at < size; at += 65_536) {
    crypto.getRandomValues(bytes.subarray(at, Math.min(size, at + 65_536)));
  }
  return bytes;
}

Deno.test("FileObjects goes on with a large file where a killed run left it", () =>
  inFolder(async (dir) => {
    const bytes = noise(70_000_000);
    const path = join(dir, "source");
    await Deno.writeFile(path, bytes);
    const store = join(dir, "store", "nar");
    await Deno.mkdir(store, { recursive: true });
    // Half of it is there, with one piece that never reached the disk.
    const half = bytes.slice(0, 40_000_000);
    half.fill(0, 8_000_000, 8_000_100);
    await Deno.writeFile(join(store, "x.nar.zst.partial"), half);
    const meter = new Counting();
    const objects = new FileObjects(join(dir, "store"));
    await objects.putFile(
      "nar/x.nar.zst",
      { path, size: bytes.length, digest: sha256(bytes) },
      meter,
    );
    assertEquals(meter.movedBytes + meter.reusedBytes, bytes.length);
    assertEquals(meter.reusedBytes > 36_000_000, true);
    assertEquals(sha256(await Deno.readFile(join(store, "x.nar.zst"))), sha256(bytes));
    const left = await Array.fromAsync(Deno.readDir(store), (entry) => entry.name);
    assertEquals(left, ["x.nar.zst"]);
  }));

Deno.test("FileObjects gives no name to a file with another hash", () =>
  inFolder(async (dir) => {
    const path = join(dir, "source");
    await Deno.writeTextFile(path, "hello");
    const objects = new FileObjects(join(dir, "store"));
    const file = { path, size: 5, digest: sha256("other") };
    await assertRejects(
      () => objects.putFile("nar/x", file, new Counting()),
      VerificationError,
      "instead of",
    );
    assertEquals(await Array.fromAsync(Deno.readDir(join(dir, "store", "nar"))), []);
  }));

Deno.test("FileObjects shows a staged object whole when it appears, and leaves nothing of one that does not", () =>
  inFolder(async (dir) => {
    const objects = new FileObjects(dir);
    const bytes = new TextEncoder().encode("StorePath: x\n");
    const names = async () =>
      (await Array.fromAsync(Deno.readDir(dir), (entry) => entry.name)).sort();
    {
      await using one = await objects.stage("one.narinfo", bytes);
      await using _two = await objects.stage("two.narinfo", bytes);
      assertEquals(await objects.get("one.narinfo"), undefined);
      await one.appear();
      assertEquals(await objects.get("one.narinfo"), bytes);
      assertEquals((await names()).length, 2);
    }
    assertEquals(await names(), ["one.narinfo"]);
    await Deno.writeTextFile(join(dir, "file"), "");
    await assertRejects(() => objects.stage("file/x.narinfo", bytes), KedgeError, "Cannot write");
    assertEquals(await names(), ["file", "one.narinfo"]);
  }));

Deno.test("FileObjects keeps keys inside the folder", () =>
  inFolder(async (dir) => {
    const objects = new FileObjects(dir);
    for (const key of ["../x", "a/../../x", "/etc/passwd", "a//b", ""]) {
      await assertRejects(() => objects.get(key), VerificationError, "the name is not allowed");
    }
  }));

Deno.test("FileObjects tells a folder that cannot be written to", () =>
  inFolder(async (dir) => {
    await Deno.writeTextFile(join(dir, "file"), "");
    const objects = new FileObjects(join(dir, "file"));
    const error = await assertRejects(
      () => objects.put("x.narinfo", new Uint8Array(1)),
      KedgeError,
    );
    assertEquals(error.side, "destination");
    assertEquals(await objects.get("x.narinfo"), undefined);
  }));

Deno.test("FileObjects gives a file that lasts a second name, and copies any other", () =>
  inFolder(async (dir) => {
    const bytes = noise(100_000);
    const path = join(dir, "source");
    await Deno.writeFile(path, bytes);
    const objects = new FileObjects(join(dir, "store"));
    const file = { path, size: bytes.length, digest: sha256(bytes) };
    const inodeOf = async (name: string) => (await Deno.stat(name)).ino;
    const put = async (key: string, more: object) => {
      const meter = new Counting();
      await objects.putFile(key, { ...file, ...more }, meter);
      assertEquals([meter.movedBytes, meter.reusedBytes], [bytes.length, 0]);
      assertEquals(sha256(await Deno.readFile(join(dir, "store", key))), file.digest);
      return await inodeOf(join(dir, "store", key)) === await inodeOf(path);
    };
    // Whoever did not hash it in this run does so while it is copied.
    assertEquals(await put("nar/a", { lasting: true }), false);
    assertEquals(await put("nar/b", { fresh: true }), false);
    assertEquals(await put("nar/c", { fresh: true, lasting: true }), true);
    assertEquals(await put("nar/c", { fresh: true, lasting: true }), true);
    await objects.flush();
    const left = await Array.fromAsync(Deno.readDir(join(dir, "store", "nar")), ({ name }) => name);
    assertEquals(left.sort(), ["a", "b", "c"]);
  }));

Deno.test("FileObjects copies to another file system what lasts", async () => {
  const memory = await Deno.makeTempDir({ dir: "/dev/shm" });
  try {
    await inFolder(async (dir) => {
      const bytes = noise(1000);
      const path = join(dir, "source");
      await Deno.writeFile(path, bytes);
      const objects = new FileObjects(memory);
      const file = { path, size: bytes.length, digest: sha256(bytes), fresh: true, lasting: true };
      await objects.putFile("nar/x", file, new Counting());
      assertEquals(await Deno.readFile(join(memory, "nar", "x")), bytes);
      assertEquals((await Deno.stat(join(memory, "nar", "x"))).mode! & 0o777, 0o644);
    });
  } finally {
    await removeTree(memory);
  }
});
