/** What is not a bundle, or one that no machine could boot. */
import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import type { TarEntry } from "modern-tar";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { VerificationError } from "../../../lib/base/errors.ts";
import { checkBundle } from "../../../lib/kexec/check_bundle.ts";
import { bundleBytes, kernelImage, staticProgram } from "../../support/bundle.ts";
import { bytesOf, entries, link, refuses, withFile } from "../../support/checked_bundle.ts";

Deno.test("checkBundle() names what a bundle lacks", async () => {
  await refuses(
    entries({ "kexec/initrd": null, "kexec/run": null }),
    "lacks kexec/initrd, kexec/run",
  );
});

Deno.test("checkBundle() refuses programs that cannot be run", async () => {
  await refuses(entries({ "kexec/run": { mode: 0o444 } }), "kexec/run is not executable");
  await refuses(entries({ "kexec/kexec": { mode: 0o444 } }), "kexec/kexec is not executable");
});

Deno.test("checkBundle() refuses a kexec that is not a static program", async () => {
  const dynamic = staticProgram("x86_64");
  new DataView(dynamic.buffer).setUint32(64, 3, true);
  await refuses(entries({ "kexec/kexec": { data: dynamic } }), "is not a static program");
  await refuses(
    entries({ "kexec/kexec": { data: bytesOf("#!/bin/sh") } }),
    "is not an ELF program",
  );
});

Deno.test("checkBundle() refuses parts of different machines", async () => {
  await refuses(
    entries({ "kexec/kexec": { data: staticProgram("aarch64") } }),
    "kexec/bzImage is for x86_64-linux, kexec/kexec for aarch64-linux",
  );
  await refuses(entries(), "it is for x86_64-linux instead of aarch64-linux", {
    architecture: "aarch64-linux",
  });
});

Deno.test("checkBundle() refuses a kernel and a ramdisk that are none", async () => {
  const kernel = kernelImage("1", "x86_64");
  kernel[0x202] = 0;
  await refuses(
    entries({ "kexec/bzImage": { data: kernel } }),
    "kexec/bzImage is not a Linux kernel",
  );
  const page = bytesOf("<!doctype html><html>");
  await refuses(
    entries({ "kexec/initrd": { data: page } }),
    "kexec/initrd is not an initial ramdisk",
  );
});

Deno.test("checkBundle() refuses a web page, an empty file and a wrong suffix", async () => {
  const page = bytesOf("<!doctype html><html><body>404</body></html>");
  for (
    const [name, bytes, message] of [
      ["b.tar.gz", page, "it is not a tarball, packed or not"],
      ["b.tar.gz", new Uint8Array(), "it is empty"],
      ["b.tar.gz", bundleBytes({ compression: "zst" }), "its name says gzip, its contents zstd"],
      ["b.tar", gzipSync(page), "its name says none, its contents gzip"],
      ["b.tar.gz", gzipSync(page), "it is not a tarball, or it is damaged"],
    ] as const
  ) {
    await withFile(bytes, name, async (path) => {
      await assertRejects(() => checkBundle(path), VerificationError, message);
    });
  }
});

Deno.test("checkBundle() says of a bundle that was packed twice what to do", async () => {
  const twice = [
    ["b.tar.gz", gzipSync(bundleBytes()), "gzip", "gzip"],
    ["b.tar.gz", gzipSync(bundleBytes({ compression: "zst" })), "gzip", "zstd"],
    ["b.tar.zst", zstdCompressSync(bundleBytes()), "zstd", "gzip"],
  ] as const;
  for (const [name, bytes, outer, inner] of twice) {
    await withFile(bytes, name, async (path) => {
      const error = await assertRejects(() => checkBundle(path), VerificationError);
      assertEquals(
        error.message,
        `Cannot use "${name}": it is packed twice, by ${inner} and then by ${outer}`,
      );
      assertStringIncludes(error.hint ?? "", "unpack it once");
    });
  }
});

for (
  const [what, entry, message] of [
    ["a name with ..", { header: { name: "kexec/../../x", size: 0 } }, "leads out of it"],
    ["an absolute name", { header: { name: "/etc/passwd", size: 0 } }, "leads out of it"],
    ["a symlink up", link("kexec/x", "symlink", "../../etc"), "is a link to"],
    ["an absolute symlink", link("kexec/x", "symlink", "/etc/passwd"), "is a link to"],
    ["a symlink down and up", link("kexec/x", "symlink", "a/../../../b"), "is a link to"],
    ["a hard link out", link("kexec/x", "link", "../etc/passwd"), "is a link to"],
    ["a device", { header: { name: "kexec/x", type: "block-device", size: 0 } }, "a block-device"],
    ["a fifo", { header: { name: "kexec/x", type: "fifo", size: 0 } }, "but a fifo"],
    ["a part that comes twice", link("kexec/run", "symlink", "kexec"), "comes twice"],
    [
      "a member behind a file",
      { header: { name: "kexec/run/x", size: 0 } },
      "lies behind the file",
    ],
  ] as [string, TarEntry, string][]
) {
  Deno.test(`checkBundle() refuses ${what}`, () => refuses(entries({}, [entry]), message));
}

Deno.test("checkBundle() refuses a member behind a link, and a part that is a link", async () => {
  const behind = [
    link("kexec/s", "symlink", ".."),
    { header: { name: "kexec/s/t", size: 0 } },
  ];
  await refuses(entries({}, behind), "lies behind the symlink");
  await refuses(
    entries({ "kexec/run": null }, [link("kexec/run", "symlink", "kexec")]),
    "kexec/run is not a file",
  );
});
