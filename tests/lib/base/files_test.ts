import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { delay } from "@std/async";
import { join } from "@std/path";
import {
  isTemporaryName,
  persistFile,
  TemporaryFolder,
  temporaryName,
  writeFileAtomic,
} from "../../../lib/base/atomic_file.ts";
import { sha256 } from "../../../lib/base/digest.ts";
import { checkFreeBytes, freeBytes } from "../../../lib/base/disk_space.ts";
import { isNoRoom, KedgeError, NoRoomError, TimedOutError } from "../../../lib/base/errors.ts";
import { lockFile, tryLockFile } from "../../../lib/base/file_lock.ts";
import { hashFile } from "../../../lib/base/hash_file.ts";
import {
  formatIdentity,
  ownIdentity,
  parseIdentity,
  stateOf,
} from "../../../lib/base/process_identity.ts";
import { inFolder } from "../../support/in_folder.ts";
import { mountSmallDisk } from "../../support/small_disk.ts";
import { realTest } from "../../support/real.ts";

realTest(
  "writeFileAtomic() names the file for which there is no room, and leaves none",
  ["root"],
  () =>
    inFolder(async (folder) => {
      await using disk = await mountSmallDisk(folder, 65_536);
      const path = join(disk.dir, "f");
      const error = await assertRejects(() => writeFileAtomic(path, new Uint8Array(1e6)));
      assertEquals(isNoRoom(error), true);
      assertStringIncludes((error as Error).message, `write '${path}.tmp-`);
      assertEquals(await Array.fromAsync(Deno.readDir(disk.dir)), []);
    }),
);

Deno.test("writeFileAtomic() replaces a file and leaves no temporary name", () =>
  inFolder(async (folder) => {
    const path = join(folder, "f");
    for (const text of ["one", "two"]) assertEquals(await writeFileAtomic(path, text), true);
    assertEquals(await Deno.readTextFile(path), "two");
    assertEquals((await Array.fromAsync(Deno.readDir(folder))).length, 1);
  }));

Deno.test("writeFileAtomic() with createNew has one winner and never overwrites", () =>
  inFolder(async (folder) => {
    const path = join(folder, "f");
    const won = await Promise.all(
      ["a", "b", "c"].map((text) => writeFileAtomic(path, text, { createNew: true })),
    );
    assertEquals(won.filter(Boolean).length, 1);
    assertEquals((await Array.fromAsync(Deno.readDir(folder))).length, 1);
  }));

Deno.test("persistFile() gives data its final name and its permission bits", () =>
  inFolder(async (folder) => {
    const temporary = temporaryName(join(folder, "f"));
    assert(isTemporaryName(temporary) && !isTemporaryName(join(folder, "f")));
    await Deno.writeTextFile(temporary, "data");
    await persistFile(temporary, join(folder, "f"), { mode: 0o444 });
    assertEquals((await Deno.stat(join(folder, "f"))).mode! & 0o777, 0o444);
  }));

Deno.test("TemporaryFolder is for its user alone", () =>
  inFolder(async (parent) => {
    await using folder = await TemporaryFolder.make(join(parent, "new"));
    assertEquals(((await Deno.stat(folder.path)).mode ?? 0) & 0o077, 0);
  }));

Deno.test("TemporaryFolder is removed with all that is in it", () =>
  inFolder(async (parent) => {
    {
      await using folder = await TemporaryFolder.make(parent);
      await Deno.mkdir(join(folder.path, "a", "b"), { recursive: true });
    }
    assertEquals(await Array.fromAsync(Deno.readDir(parent)), []);
  }));

Deno.test("lockFile() says where it may not write", async () => {
  const error = await assertRejects(() => lockFile("/sys/kedge.lock"), KedgeError);
  assertStringIncludes(error.message, 'Cannot lock "/sys/kedge.lock": ');
});

Deno.test("lockFile() has one exclusive holder or many shared ones, and waits for the other", () =>
  inFolder(async (folder) => {
    const path = join(folder, "sub", "lock");
    {
      using _one = await lockFile(path, { shared: true });
      using _two = await lockFile(path, { shared: true, timeoutMs: 0 });
      assertEquals(await tryLockFile(path), undefined);
    }
    const held = await lockFile(path);
    let waited = 0;
    const onWait = () => {
      waited++;
      // It is told once, however often it tries.
      setTimeout(() => held[Symbol.dispose](), 30);
    };
    const next = lockFile(path, { onWait });
    (await next)[Symbol.dispose]();
    assertEquals(waited, 1);
  }));

Deno.test("lockFile() ends its wait at the timeout, and at an abort with the signal's reason", () =>
  inFolder(async (folder) => {
    const path = join(folder, "lock");
    using _held = await lockFile(path);
    await assertRejects(() => lockFile(path, { timeoutMs: 30 }), TimedOutError, path);
    const stop = new AbortController();
    // Within the first pause between two tries, which begins when this returns.
    const onWait = () => void setTimeout(() => stop.abort(new Error("enough")), 0);
    await assertRejects(() => lockFile(path, { signal: stop.signal, onWait }), Error, "enough");
  }));

Deno.test("FileLock is free once it is let go, although programs are being started meanwhile", () =>
  inFolder(async (folder) => {
    const path = join(folder, "lock");
    const work = `for (;;) new Deno.Command("true").outputSync();`;
    const workers = [1, 2].map(() =>
      new Worker(`data:text/javascript,${encodeURIComponent(work)}`, { type: "module" })
    );
    try {
      for (let round = 0; round < 500; round++) {
        const lock = await tryLockFile(path);
        assert(lock !== undefined, `round ${round}`);
        await delay(0);
        lock[Symbol.dispose]();
      }
    } finally {
      for (const worker of workers) worker.terminate();
    }
  }));

Deno.test("lockFile() is free again when its holder is killed", () =>
  inFolder(async (folder) => {
    const path = join(folder, "lock");
    const code = `using f = await Deno.open(${
      JSON.stringify(path)
    }, { read: true, write: true, create: true });
      await f.tryLock(true); console.log("held"); await new Promise(() => setInterval(() => {}, 1e6));`;
    const child = new Deno.Command(Deno.execPath(), {
      args: ["eval", code],
      stdout: "piped",
      stderr: "null",
    }).spawn();
    const reader = child.stdout.getReader();
    await reader.read();
    assertEquals(await tryLockFile(path), undefined);
    child.kill("SIGKILL");
    await child.status;
    await reader.cancel();
    (await lockFile(path, { timeoutMs: 1000 }))[Symbol.dispose]();
  }));

Deno.test("hashFile() gives digest and size, and tells of what it reads", () =>
  inFolder(async (folder) => {
    const bytes = new Uint8Array(3_000_000).fill(7);
    await Deno.writeFile(join(folder, "f"), bytes);
    let read = 0;
    const found = await hashFile(join(folder, "f"), { onRead: (count) => read += count });
    assertEquals(found, { digest: sha256(bytes), size: bytes.length });
    assertEquals(read, bytes.length);
  }));

Deno.test("checkFreeBytes() looks at the nearest folder that is there", () =>
  inFolder((folder) => {
    const path = join(folder, "not", "there");
    assert((freeBytes(path) ?? 1) > 0);
    checkFreeBytes(path, 1);
    let error: unknown;
    try {
      checkFreeBytes(path, 2 ** 60);
    } catch (thrown) {
      error = thrown;
    }
    assert(error instanceof NoRoomError);
    return Promise.resolve();
  }));

Deno.test("process identities tell the live from the dead, and judge no other machine", async () => {
  const own = ownIdentity();
  assertEquals(parseIdentity(formatIdentity(own)), own);
  assertEquals(stateOf(own), "alive");
  assertEquals(stateOf({ ...own, boot: "another1" }), "elsewhere");
  assertEquals(stateOf({ ...own, pid: 999_999_999 }), "dead");
  assertEquals(
    stateOf({ ...own, start: own.start + 1 }),
    Deno.build.os === "linux" ? "dead" : "alive",
  );
  for (const text of ["", "1.2", "a.b.c", "1.2.UP"]) assertEquals(parseIdentity(text), undefined);
  await Promise.resolve();
});
