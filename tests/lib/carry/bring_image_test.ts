/** How an image's store is read. */
import { assertEquals, assertRejects } from "@std/assert";
import { join } from "@std/path";
import { sha256 } from "../../../lib/base/digest.ts";
import { silentMeter } from "../../../lib/base/meter.ts";
import { carryImage } from "../../../lib/carry/bring_image.ts";
import type { UnpackOptions } from "../../../lib/carry/store_source.ts";
import { NixFolder } from "../../../lib/nix/folder/nix_folder.ts";
import type { StoreRow } from "../../../lib/nix/folder/store_row.ts";
import { parseStorePath } from "../../../lib/nix/store_path.ts";
import { inFolder } from "../../support/in_folder.ts";

const signal = new AbortController().signal;
const step = { meter: silentMeter, signal, dryRun: false, record() {} };
const mebibyte = 1024 * 1024;

/** With how many threads paths of these sizes are read. */
async function threadsFor(...sizes: readonly number[]): Promise<number | undefined> {
  const rows = new Map(sizes.map((narSize, index) => {
    const storePath = parseStorePath(`/nix/store/${String(index).repeat(32)}-x`);
    const row: StoreRow = {
      ...{ storePath, narSize, narHash: sha256(`${index}`), references: [], signatures: [] },
      ...{ registeredSeconds: 1, ultimate: false, outputs: {} },
    };
    return [storePath.baseName, row];
  }));
  const image = { rows, database: sha256("") };
  let threads: number | undefined;
  const source = {
    survey: () => Promise.resolve(image),
    requestsToRead: () => Promise.resolve(0),
    unpack(options: UnpackOptions) {
      threads = options.threads;
      return Promise.reject(new Error("seen"));
    },
  };
  const manifestDigest = sha256("manifest");
  const base = { manifestDigest, nixVersion: "2.8.0", platform: "linux/amd64" };
  await inFolder(async (dir) => {
    const carrying = carryImage({
      ...{ base, folder: new NixFolder(join(dir, "nix")), usedMs: 0 },
      image: { ...image, source, survey: source.survey },
    }, step);
    await assertRejects(() => carrying, Error, "seen");
  });
  return threads;
}

Deno.test("carryImage() has what is large read by threads, as many as there are processors up to 4, and what is small by none", async () => {
  const many = Math.min(navigator.hardwareConcurrency, 4);
  assertEquals(await threadsFor(), 0);
  assertEquals(await threadsFor(16 * mebibyte - 1), 0);
  assertEquals(await threadsFor(8 * mebibyte, 8 * mebibyte - 1), 0);
  assertEquals(await threadsFor(16 * mebibyte), many);
  assertEquals(await threadsFor(8 * mebibyte, 8 * mebibyte), many);
});
