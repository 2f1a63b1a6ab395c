import { assertEquals } from "@std/assert";
import { sha256 } from "../../../lib/base/digest.ts";
import type { BundleContents } from "../../../lib/kexec/bundle_contents.ts";
import { diffBundles } from "../../../lib/kexec/diff_bundles.ts";

function bundle(kernelVersion: string | undefined, files: Record<string, string>): BundleContents {
  const parts = Object.entries(files).map(([path, text]) => ({
    path,
    digest: sha256(text),
    size: text.length,
    isExecutable: false,
  }));
  return {
    architecture: "x86_64-linux",
    ...(kernelVersion === undefined ? {} : { kernelVersion }),
    parts,
    unpackedBytes: parts.reduce((sum, part) => sum + part.size, 0),
  };
}

Deno.test("diffBundles() tells which parts differ, and by how many bytes", () => {
  const before = bundle("6.1", { "kexec/bzImage": "old", "kexec/run": "same", "kexec/ip": "ip" });
  const after = bundle("6.12", { "kexec/bzImage": "newer", "kexec/run": "same", "kexec/x": "1" });
  assertEquals(diffBundles(before, after), {
    parts: [
      { path: "kexec/bzImage", state: "changed", sizeBefore: 3, sizeAfter: 5 },
      { path: "kexec/ip", state: "removed", sizeBefore: 2, sizeAfter: 0 },
      { path: "kexec/run", state: "same", sizeBefore: 4, sizeAfter: 4 },
      { path: "kexec/x", state: "added", sizeBefore: 0, sizeAfter: 1 },
    ],
    bytesChanged: 6,
    bytesSame: 4,
    kernel: { before: "6.1", after: "6.12" },
  });
});

Deno.test("diffBundles() finds nothing between a bundle and itself", () => {
  const same = bundle(undefined, { "kexec/run": "same" });
  assertEquals(diffBundles(same, same), {
    parts: [{ path: "kexec/run", state: "same", sizeBefore: 4, sizeAfter: 4 }],
    bytesChanged: 0,
    bytesSame: 4,
  });
});
