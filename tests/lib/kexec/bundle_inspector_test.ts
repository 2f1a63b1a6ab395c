import { assertEquals, assertRejects } from "@std/assert";
import { join } from "@std/path";
import { sha256 } from "../../../lib/base/digest.ts";
import { VerificationError } from "../../../lib/base/errors.ts";
import { silentMeter } from "../../../lib/base/meter.ts";
import { BundleInspector } from "../../../lib/kexec/bundle_inspector.ts";
import { bundleBytes } from "../../support/bundle.ts";

const mebibyte = 1024 * 1024;
const name = "b.tar.gz";

interface Bench {
  path: string;
  inspector: BundleInspector;
  notes: string[];
  /** Writes all of the bytes, and says so step by step. */
  bring(bytes: Uint8Array): Promise<void>;
  finish(at?: string): Promise<void>;
}

/** A path where nothing is: whoever finishes there must have seen the bundle coming. */
const nowhere = "/nowhere/b.tar.gz";

async function withInspector(test: (bench: Bench) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "kedge-inspect-" });
  const path = join(folder, "data");
  const notes: string[] = [];
  const meter = { ...silentMeter, note: (message: string) => notes.push(message) };
  const { signal } = new AbortController();
  using inspector = new BundleInspector({ name, architecture: "x86_64-linux" });
  try {
    await test({
      path,
      inspector,
      notes,
      bring: async (bytes) => {
        await Deno.writeFile(path, new Uint8Array(bytes.length));
        inspector.begin(path);
        using file = await Deno.open(path, { write: true });
        for (let at = 0; at < bytes.length; at += 5 * mebibyte) {
          const piece = bytes.subarray(at, at + 5 * mebibyte);
          for (let done = 0; done < piece.length;) done += await file.write(piece.subarray(done));
          inspector.grown(at + piece.length);
        }
      },
      finish: async (at = path) =>
        await inspector.finish(at, (await Deno.stat(path)).size, { meter, signal }),
    });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("BundleInspector finds a bundle sound that it saw coming, and notes what is odd", () =>
  withInspector(async ({ bring, finish, notes }) => {
    await bring(bundleBytes({ size: 12 * mebibyte, files: { ip: undefined } }));
    await finish(nowhere);
    assertEquals(notes, [
      "b.tar.gz has no kexec/ip: the installer may not keep the network as it is",
    ]);
  }));

Deno.test("BundleInspector gives the digest of a bundle, sound or not, that it saw coming", () =>
  withInspector(async ({ bring, inspector }) => {
    const sound = bundleBytes({ size: 12 * mebibyte });
    for (const bytes of [sound, sound.subarray(0, 11 * mebibyte)]) {
      await bring(bytes);
      assertEquals(await inspector.digest(nowhere, bytes.length), sha256(bytes));
    }
  }));

Deno.test("BundleInspector does not take what came before for what came after it, unseen", () =>
  withInspector(async ({ bring, finish, inspector, path }) => {
    await bring(bundleBytes({ size: 6 * mebibyte }));
    const next = bundleBytes({ files: { run: undefined } });
    await Deno.writeFile(path, next);
    inspector.begin(path);
    assertEquals(await inspector.digest(path, next.length), sha256(next));
    await assertRejects(() => finish(), VerificationError, "it lacks kexec/run");
  }));

Deno.test("BundleInspector looks at what came last, not at what was begun before it", () =>
  withInspector(async ({ bring, finish }) => {
    await bring(new Uint8Array(6 * mebibyte));
    await bring(bundleBytes({ size: 6 * mebibyte }));
    await finish(nowhere);
  }));

Deno.test("BundleInspector says what is wrong with a bundle that it saw coming", () =>
  withInspector(async ({ bring, finish }) => {
    const bytes = bundleBytes({ size: 12 * mebibyte });
    for (
      const [damaged, message] of [
        [bytes.subarray(0, 11 * mebibyte), "it is cut short"],
        [bundleBytes({ files: { run: undefined } }), "it lacks kexec/run"],
        [bundleBytes({ arch: "aarch64" }), "it is for aarch64-linux instead of x86_64-linux"],
      ] as const
    ) {
      await bring(damaged);
      await assertRejects(() => finish(), VerificationError, message);
    }
  }));

Deno.test("BundleInspector checks a bundle that it did not see coming", () =>
  withInspector(async ({ path, finish }) => {
    await Deno.writeFile(path, bundleBytes());
    await finish();
    await Deno.writeFile(path, bundleBytes({ files: { kexec: undefined } }));
    await assertRejects(() => finish(), VerificationError, "it lacks kexec/kexec");
  }));
