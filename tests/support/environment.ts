/**
 * Variables of this process, set for a while. Test modules that run side by side are threads of one process and share them, so that
 * one sets them at a time: the lock is held until the end, when each variable has its old value again. What the others do meanwhile must
 * not hang on them: the folders of PATH, where they find their programs, stay in it, and a name is of one test alone.
 *
 * @module
 */
import { delimiter } from "node:path";
import { join } from "@std/path";

/** The lock between the test modules, and whatever else this user tests on this machine. */
const lockFile = join(
  Deno.env.get("TMPDIR") ?? "/tmp",
  `kedge-test-environment-${Deno.uid()}.lock`,
);

/** Sets variables of this process until it is disposed of. Not for two at once in one test: the second would wait for ever. */
export async function environment(
  variables: Readonly<Record<string, string>>,
): Promise<Disposable> {
  const file = await Deno.open(lockFile, { read: true, write: true, create: true });
  await file.lock(true);
  try {
    keepPath(variables["PATH"]);
  } catch (error) {
    file.close();
    throw error;
  }
  const before = Object.keys(variables).map((name) => [name, Deno.env.get(name)] as const);
  for (const [name, value] of Object.entries(variables)) Deno.env.set(name, value);
  return {
    [Symbol.dispose]() {
      for (const [name, value] of before) {
        if (value === undefined) Deno.env.delete(name);
        else Deno.env.set(name, value);
      }
      file.close();
    },
  };
}

/** Refuses a PATH in which programs that other modules start are not found any more. */
function keepPath(path: string | undefined): void {
  const folders = (text: string | undefined) => new Set(text?.split(delimiter));
  const lost = folders(Deno.env.get("PATH")).difference(folders(path));
  if (path !== undefined && lost.size > 0) {
    throw new TypeError(`Cannot set PATH: other modules need ${[...lost].join(delimiter)} in it`);
  }
}
