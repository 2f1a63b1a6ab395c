/**
 * Copies store paths on a thread of its own, and says which of them are whole.
 *
 * Invariants: a path is named as whole only if its NAR, as it was written, is the expected one; nothing is written outside the folder of the
 * thread; what is not whole, or cannot be copied, is left to whoever asked, who says what is wrong with it.
 *
 * @module
 */
import { join, relative } from "@std/path";
import { workerPort } from "../base/worker_port.ts";
import { Beneath } from "../nix/beneath.ts";
import { StoreTree } from "../nix/store_tree.ts";
import { visitTree } from "../nix/visit_tree.ts";
import type { WantedPath } from "./store_source.ts";
import type { Stopped } from "./thread.ts";

/** What the worker is told: where paths come from and go to, once; then paths, one after the other. */
export type CopyOrder =
  | { from: string; folder: string; work: string }
  | { copy: WantedPath }
  | { stop: true };

/** What the worker tells: where a path was written, if it is whole there; and that it stopped. */
export type CopyReport = { baseName: string; path: string | undefined } | Stopped;

const port = workerPort<CopyOrder, CopyReport>();
const stopping = new AbortController();

let from = "";
let folder = "";
let work = "";
let beneath: Beneath | undefined;
let done: Promise<void> = Promise.resolve();

function makeWork(): Beneath {
  using opened = new DisposableStack();
  const made = opened.use(new Beneath(folder));
  made.use(relative(folder, work), (name) => Deno.mkdirSync(name));
  opened.move();
  return made;
}

async function copy({ baseName, narHash, narSize }: WantedPath): Promise<void> {
  let path: string | undefined;
  try {
    beneath ??= makeWork();
    using tree = new StoreTree(join(work, baseName), narSize, beneath);
    await visitTree(join(from, baseName), tree, { signal: stopping.signal });
    const written = tree.summary();
    tree.close();
    if (written?.narHash === narHash && written.narSize === narSize) path = tree.root;
  } catch {
    // Whoever asked copies the path himself, and says what is wrong with it.
  }
  port.postMessage({ baseName, path });
}

port.addEventListener("message", async ({ data }) => {
  if ("from" in data) ({ from, folder, work } = data);
  else if ("copy" in data) done = done.then(() => copy(data.copy));
  else {
    stopping.abort();
    await done;
    beneath?.[Symbol.dispose]();
    port.postMessage({ stopped: true });
  }
});
