/** What a bundle is found to be, however it is packed. */
import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { fromFileUrl, join } from "@std/path";
import { zstdCompressSync } from "node:zlib";
import { sha256 } from "../../../lib/base/digest.ts";
import { VerificationError } from "../../../lib/base/errors.ts";
import { silentMeter } from "../../../lib/base/meter.ts";
import { checkBundle } from "../../../lib/kexec/check_bundle.ts";
import { bundleBytes, kernelImage, makeBundle, staticProgram } from "../../support/bundle.ts";
import { onRead } from "../../support/on_read.ts";
import { realTest } from "../../support/real.ts";
import { check, entries, link, withFile } from "../../support/checked_bundle.ts";

Deno.test("checkBundle() tells the parts, the architecture and the kernel version", async () => {
  const contents = await check(entries());
  assertEquals(contents.architecture, "x86_64-linux");
  assertEquals(contents.kernelVersion, "6.12.3-kedge");
  assertEquals(contents.parts.map((part) => [part.path, part.size, part.isExecutable]), [
    ["kexec/bzImage", 32768, false],
    ["kexec/initrd", 600, false],
    ["kexec/ip", 129, true],
    ["kexec/kexec", 129, true],
    ["kexec/run", 10, true],
  ]);
  assertEquals(contents.parts[4]?.digest, sha256("#!/bin/sh\n"));
  assertEquals(contents.unpackedBytes, 32768 + 600 + 129 + 129 + 10);
});

for (const compression of ["gz", "zst", "none"] as const) {
  Deno.test(`checkBundle() reads a bundle packed by ${compression}`, async () => {
    const folder = await Deno.makeTempDir({ prefix: "kedge-test-" });
    const path = join(folder, compression === "none" ? "b.tar" : `b.tar.${compression}`);
    await makeBundle(path, { compression, size: 5 * 1024 * 1024 });
    const { unpackedBytes, parts } = await checkBundle(path);
    assert(unpackedBytes > 4.9 * 1024 * 1024);
    assertEquals(parts.length, 5);
    await Deno.remove(folder, { recursive: true });
  });
}

realTest("checkBundle() reads a bundle packed by xz", ["xz"], async () => {
  const folder = await Deno.makeTempDir({ prefix: "kedge-test-" });
  const path = join(folder, "b.tar");
  await makeBundle(path, { compression: "none" });
  const before = await checkBundle(path);
  await new Deno.Command("xz", { args: ["-1", path] }).output();
  assertEquals(await checkBundle(`${path}.xz`), before);
  const whole = await Deno.readFile(`${path}.xz`);
  await Deno.writeFile(`${path}.xz`, whole.subarray(0, whole.length - 100));
  await assertRejects(() => checkBundle(`${path}.xz`), VerificationError, "cut short");
  whole[whole.length >> 1]! ^= 255;
  await Deno.writeFile(`${path}.xz`, whole);
  await assertRejects(() => checkBundle(`${path}.xz`), VerificationError, "xz data is damaged");
  await Deno.remove(folder, { recursive: true });
});

Deno.test("checkBundle() says that xz is missing where it is needed and not there", async () => {
  const module = new URL("../../../lib/kexec/check_bundle.ts", import.meta.url);
  const config = fromFileUrl(new URL("../../../deno.json", import.meta.url));
  const xz = new Uint8Array([0xfd, 0x37, 0x7a, 0x58, 0x5a, 0, ...new Array(300).fill(0)]);
  await withFile(xz, "b.tar.xz", async (path) => {
    const script = `const { checkBundle } = await import(${JSON.stringify(module.href)});
      await checkBundle(Deno.args[0]).catch((error) => console.log(error.message));`;
    const { stdout } = await new Deno.Command(Deno.execPath(), {
      args: ["eval", "--config", config, script, path],
      env: { PATH: "/nowhere" },
    }).output();
    assertEquals(
      new TextDecoder().decode(stdout).trim(),
      'Cannot unpack "b.tar.xz": the program xz is missing',
    );
  });
});

Deno.test("checkBundle() takes a bundle for arm64, whose kernel tells no version", async () => {
  const arm = await check(
    entries({
      "kexec/bzImage": { data: kernelImage("1", "aarch64") },
      "kexec/kexec": { data: staticProgram("aarch64") },
    }),
    { architecture: "aarch64-linux" },
  );
  assertEquals(arm.architecture, "aarch64-linux");
  assertEquals(arm.kernelVersion, undefined);
});

Deno.test("checkBundle() goes by the name that the file will have", async () => {
  await withFile(bundleBytes(), "data.partial", async (path) => {
    await checkBundle(path, { name: "b.tar.gz" });
    await assertRejects(() => checkBundle(path, { name: "b.tar.zst" }), VerificationError);
  });
});

Deno.test("checkBundle() reads a zstd file of many frames", async () => {
  const tarball = bundleBytes({ compression: "none" });
  const frames: Uint8Array[] = [];
  for (let at = 0; at < tarball.length; at += 100_000) {
    frames.push(zstdCompressSync(tarball.subarray(at, at + 100_000)));
  }
  await withFile(
    new Uint8Array(await new Blob(frames as BlobPart[]).arrayBuffer()),
    "b.tar.zst",
    async (path) => {
      assertEquals((await checkBundle(path)).parts.length, 5);
    },
  );
});

Deno.test("checkBundle() takes links that stay inside, and names with ./ before them", async () => {
  const list = entries({}, [link("kexec/vmlinuz", "symlink", "./bzImage")])
    .map((entry) => ({ ...entry, header: { ...entry.header, name: `./${entry.header.name}` } }));
  assertEquals((await check(list)).parts.length, 5);
});

Deno.test("checkBundle() notes that the network is not carried over without kexec/ip", async () => {
  const notes: string[] = [];
  const meter = { ...silentMeter, note: (message: string) => void notes.push(message) };
  await check(entries({ "kexec/ip": null }), { meter });
  assertEquals(notes.length, 1);
  assertStringIncludes(notes[0]!, "has no kexec/ip");
});

Deno.test("checkBundle() ends on abort", async () => {
  const stop = new AbortController();
  await withFile(bundleBytes({ size: 4 * 1024 * 1024 }), "b.tar.gz", async (path) => {
    using _read = onRead(() => stop.abort(new Error("enough")));
    await assertRejects(() => checkBundle(path, { signal: stop.signal }), Error, "enough");
  });
});
