/** Tests that need a real program beside Deno, or the rights of root: counted as skipped, with the reason, where they are not there. */
import { delimiter } from "node:path";

/** Whether the tests may do what only root may do on Linux: mount, take another user's identity, leave a namespace. */
export const isRoot = Deno.build.os === "linux" && Deno.uid() === 0;

const fallbackFolders = ["/usr/local/sbin", "/usr/sbin", "/sbin"];

/** Where a program is, or `undefined`. */
export function findProgram(name: string): string | undefined {
  const folders = [...(Deno.env.get("PATH") ?? "").split(delimiter), ...fallbackFolders];
  for (const folder of folders) {
    const path = `${folder}/${name}`;
    try {
      if (Deno.statSync(path).isFile) return path;
    } catch {
      continue;
    }
  }
  return undefined;
}

/** What is of use here to root alone: the tests run podman with a storage of its own and without a user namespace. */
const forRoot = new Set(["root", "podman", "debootstrap", "setpriv", "unshare"]);

/** A test that runs only where these programs are, and where `"root"` is among them only as root; elsewhere its name tells what is missing. */
export function realTest(
  name: string,
  needs: readonly string[],
  fn: (t: Deno.TestContext) => Promise<void>,
): void {
  const missing = needs.flatMap((need) => {
    if (need !== "root" && findProgram(need) === undefined) return [need];
    if (isRoot || !forRoot.has(need)) return [];
    return [need === "root" ? need : `${need} as root`];
  });
  Deno.test({
    name: missing.length === 0 ? name : `${name} [missing: ${missing.join(", ")}]`,
    ignore: missing.length > 0,
    fn,
  });
}
