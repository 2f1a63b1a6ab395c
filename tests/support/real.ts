/** Tests that need a real program beside Deno, or the rights of root: counted as skipped, with the reason, where they are not there. */
import { delimiter } from "node:path";
import { runsPodman } from "./runs_podman.ts";

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

/** What is of use here to root alone. */
const forRoot = new Set(["root", "debootstrap", "setpriv", "unshare"]);

/** What a need stands for: `"bound"` is a program that the permissions of files bind, as they do without more unless it is root's. */
function partsOf(need: string): readonly string[] {
  if (need !== "bound") return [need];
  if (Deno.build.os === "windows") return ["the permissions of files"];
  return Deno.uid() === 0 ? ["setpriv"] : [];
}

function runsPodmanHere(): boolean {
  const busybox = findProgram("busybox");
  return busybox !== undefined && findProgram("runc") !== undefined && runsPodman(busybox);
}

/**
 * A test that runs only where these programs are, where `"root"` is among them only as root, and where `"bound"` is only if the permissions of
 * files can bind a program; elsewhere its name tells what is missing.
 */
export function realTest(
  name: string,
  needs: readonly string[],
  fn: (t: Deno.TestContext) => Promise<void>,
): void {
  const missing = needs.flatMap(partsOf).flatMap((need) => {
    if (need !== "root" && findProgram(need) === undefined) return [need];
    if (isRoot) return [];
    if (need === "podman") return runsPodmanHere() ? [] : ["a podman that runs for this user"];
    if (!forRoot.has(need)) return [];
    return [need === "root" ? need : `${need} as root`];
  });
  Deno.test({
    name: missing.length === 0 ? name : `${name} [missing: ${missing.join(", ")}]`,
    ignore: missing.length > 0,
    fn,
  });
}
