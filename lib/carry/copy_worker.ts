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
import { Beneath } from "../nix/folder/beneath.ts";
import { hashNar } from "../nix/nar/hash_nar.ts";
import { StoreTree } from "../nix/folder/store_tree.ts";
import { visitTree } from "../nix/nar/visit_tree.ts";
import { SharedFiles } from "./shared_files.ts";
import type { WantedPath } from "./store_source.ts";
import type { Stopped } from "./thread.ts";

/** What the worker is told: where paths come from and go to, and where all threads keep shared files, once; then paths, one after the other. */
export type CopyOrder =
  | { from: string; folder: string; work: string; common: string }
  | { copy: WantedPath }
  | { stop: true };

/** What the worker tells: where a path was written, if it is whole there; and that it stopped. */
export type CopyReport = { baseName: string; path: string | undefined } | Stopped;

const port = workerPort<CopyOrder, CopyReport>();
const stopping = new AbortController();

let from = "";
let folder = "";
let work = "";
let common = "";
let open: { beneath: Beneath; shared: SharedFiles } | undefined;
let done: Promise<void> = Promise.resolve();

function makeWork(): { beneath: Beneath; shared: SharedFiles } {
  using opened = new DisposableStack();
  const beneath = opened.use(new Beneath(folder));
  beneath.use(relative(folder, work), (name) => Deno.mkdirSync(name));
  const shared = opened.use(new SharedFiles(folder, common));
  opened.move();
  return { beneath, shared };
}

async function copy({ baseName, narHash, narSize }: WantedPath): Promise<void> {
  let path: string | undefined;
  try {
    open ??= makeWork();
    using tree = new StoreTree(join(work, baseName), narSize, open.beneath);
    const { signal } = stopping;
    const shared = open.shared.within(tree);
    await visitTree(join(from, baseName), tree, { signal, shared });
    tree.close();
    const written = tree.summary() ?? await hashNar(tree.root, { narSize, signal });
    if (written.narHash === narHash && written.narSize === narSize) path = tree.root;
  } catch {
    // Whoever asked copies the path himself, and says what is wrong with it.
  }
  port.postMessage({ baseName, path });
}

port.addEventListener("message", async ({ data }) => {
  if ("from" in data) ({ from, folder, work, common } = data);
  else if ("copy" in data) done = done.then(() => copy(data.copy));
  else {
    stopping.abort();
    await done;
    open?.beneath[Symbol.dispose]();
    open?.shared[Symbol.dispose]();
    port.postMessage({ stopped: true });
  }
});
