/**
 * Locks that let everybody in, as those of some network file systems do: in this thread, until disposed of. That they do is tried at once, by
 * what the library takes locks with, so that what a test finds with them it found without locks.
 *
 * @module
 */
import { join } from "@std/path";
import { isLockHeld, tryLockFile } from "../../lib/base/file_lock.ts";

const lies = {
  tryLockSync: () => true,
  tryLock: () => Promise.resolve(true),
  lockSync: () => {},
  lock: () => Promise.resolve(),
  unlockSync: () => {},
  unlock: () => Promise.resolve(),
} satisfies Partial<Deno.FsFile>;

/**
 * Lets the locks lie.
 *
 * @throws {Error} if they keep somebody out all the same
 */
export async function lyingLocks(): Promise<Disposable> {
  const honest = Object.fromEntries(
    Object.keys(lies).map((name) => [name, Deno.FsFile.prototype[name as keyof typeof lies]]),
  );
  Object.assign(Deno.FsFile.prototype, lies);
  const honestly = { [Symbol.dispose]: () => void Object.assign(Deno.FsFile.prototype, honest) };
  using held = new DisposableStack();
  held.use(honestly);
  const kept = await whoIsKeptOut();
  if (kept.length > 0) throw new Error(`the locks do not lie: they keep out ${kept.join(", ")}`);
  return held.move();
}

/** Which ways to take a lock that another handle of this process has find it taken; none where locks lie. */
export async function whoIsKeptOut(): Promise<string[]> {
  const folder = await Deno.makeTempDir({ prefix: "kedge-locks-" });
  try {
    const path = join(folder, "lock");
    using held = await tryLockFile(path);
    using second = await tryLockFile(path);
    using shared = await tryLockFile(path, true);
    using file = await Deno.open(path, { read: true, write: true });
    return Object.entries({
      "the first": held === undefined,
      "a second": second === undefined,
      "one who shares": shared === undefined,
      "who asks whether it is held": isLockHeld(path),
      "who asks at once": !file.tryLockSync(true),
      "who asks from a thread": !await file.tryLock(true),
    }).filter(([, isKeptOut]) => isKeptOut).map(([who]) => who);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}
