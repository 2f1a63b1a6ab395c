/** Bundles that are damaged, cut short or bombs. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { concat } from "@std/bytes";
import * as fc from "fast-check";
import { packTar, type TarEntry } from "modern-tar";
import { gzipSync } from "node:zlib";
import { VerificationError } from "../../../lib/base/errors.ts";
import { checkBundle } from "../../../lib/kexec/check_bundle.ts";
import { bundleBytes } from "../../support/bundle.ts";
import { bytesOf, entries, refuses, withFile } from "../../support/checked_bundle.ts";

Deno.test("checkBundle() refuses what is cut short or damaged, wherever", async () => {
  for (const compression of ["gz", "zst", "none"] as const) {
    const whole = bundleBytes({ compression });
    for (const part of [0.1, 0.5, 0.99]) {
      const cut = whole.subarray(0, Math.floor(whole.length * part));
      await withFile(cut, "b", async (path) => {
        await assertRejects(() => checkBundle(path), VerificationError);
      });
    }
  }
  const damaged = gzipSync(bundleBytes({ compression: "none" }));
  damaged[damaged.length - 6]! ^= 1;
  await withFile(damaged, "b.tar.gz", async (path) => {
    await assertRejects(() => checkBundle(path), VerificationError, "gzip data is damaged");
  });
});

Deno.test("checkBundle() refuses a bomb by its claimed size before reading it", async () => {
  const huge = await packTar(entries());
  const view = huge.subarray(0, 512);
  view.set(bytesOf("77777777777\0"), 124);
  view.set(bytesOf("        "), 148);
  const sum = view.reduce((total, byte) => total + byte, 0);
  view.set(bytesOf(`${sum.toString(8).padStart(6, "0")}\0 `), 148);
  await withFile(huge, "b.tar", async (path) => {
    await assertRejects(() => checkBundle(path), VerificationError, "unpacks to more than 4 GiB");
  });
});

Deno.test("checkBundle() refuses a bomb behind the end of the archive", async () => {
  const list = entries();
  const size = list.reduce((sum, { header }) => sum + header.size, 0);
  const bomb = gzipSync(concat([await packTar(list), new Uint8Array(2 * size)]));
  await withFile(bomb, "b.tar.gz", async (path) => {
    assertEquals((await checkBundle(path, { maxUnpackedBytes: 4 * size })).unpackedBytes, size);
    const reading = () => checkBundle(path, { maxUnpackedBytes: 2 * size });
    await assertRejects(reading, VerificationError, "unpacks to more than");
  });
});

Deno.test("checkBundle() bounds the bytes and the members", async () => {
  await refuses(entries(), "unpacks to more than 30 KiB", { maxUnpackedBytes: 30 * 1024 });
  const many = Array.from({ length: 10_001 }, (_, index): TarEntry => ({
    header: { name: `kexec/f${index}`, size: 0 },
  }));
  await refuses(entries({}, many), "more than 10000 members");
});

Deno.test("checkBundle() answers any damage with a verification error or a true account", async () => {
  const tarball = await packTar(entries());
  const packed = gzipSync(tarball);
  await fc.assert(
    fc.asyncProperty(
      fc.boolean(),
      fc.nat(),
      fc.integer({ min: 1, max: 255 }),
      async (gz, at, bit) => {
        const bytes = (gz ? packed : tarball).slice();
        bytes[at % bytes.length]! ^= bit;
        await withFile(bytes, "b", async (path) => {
          try {
            const { parts } = await checkBundle(path);
            assert(parts.length >= 4);
          } catch (error) {
            assert(error instanceof VerificationError, String(error));
          }
        });
      },
    ),
    { numRuns: 150 },
  );
});
