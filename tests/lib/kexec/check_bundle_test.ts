import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { concat } from "@std/bytes";
import { fromFileUrl, join } from "@std/path";
import * as fc from "fast-check";
import { packTar, type TarEntry } from "modern-tar";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { sha256 } from "../../../lib/base/digest.ts";
import { VerificationError } from "../../../lib/base/errors.ts";
import { silentMeter } from "../../../lib/base/meter.ts";
import { checkBundle, type CheckBundleOptions } from "../../../lib/kexec/check_bundle.ts";
import { bundleBytes, kernelImage, makeBundle, staticProgram } from "../../support/bundle.ts";
import { realTest } from "../../support/real.ts";

const bytesOf = (text: string) => new TextEncoder().encode(text);

/** The entries of a sound bundle; each may be replaced, left out, or followed by others. */
function entries(
  changes: Record<string, Partial<TarEntry["header"]> & { data?: Uint8Array } | null> = {},
  more: readonly TarEntry[] = [],
): TarEntry[] {
  const sound: Record<string, { mode: number; data: Uint8Array }> = {
    "kexec/bzImage": { mode: 0o444, data: kernelImage("3", "x86_64") },
    "kexec/initrd": { mode: 0o444, data: bytesOf("070701".padEnd(600, "0")) },
    "kexec/run": { mode: 0o555, data: bytesOf("#!/bin/sh\n") },
    "kexec/kexec": { mode: 0o555, data: staticProgram("x86_64") },
    "kexec/ip": { mode: 0o555, data: staticProgram("x86_64") },
  };
  const made = Object.entries(sound).flatMap(([name, { mode, data }]): TarEntry[] => {
    const change = changes[name];
    if (change === null) return [];
    const body = change?.data ?? data;
    const { data: _, ...header } = change ?? {};
    return [{ header: { name, mode, size: body.byteLength, ...header }, body }];
  });
  return [...made, ...more];
}

async function withFile<T>(
  bytes: Uint8Array,
  name: string,
  use: (path: string) => Promise<T>,
): Promise<T> {
  const folder = await Deno.makeTempDir({ prefix: "kedge-test-" });
  try {
    const path = join(folder, name);
    await Deno.writeFile(path, bytes);
    return await use(path);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

async function check(list: TarEntry[], options?: CheckBundleOptions) {
  return await withFile(await packTar(list), "b.tar", (path) => checkBundle(path, options));
}

async function refuses(list: TarEntry[], message: string, options?: CheckBundleOptions) {
  const error = await assertRejects(() => check(list, options), VerificationError);
  assertStringIncludes(error.message, message);
}

function link(name: string, type: "symlink" | "link", linkname: string): TarEntry {
  return { header: { name, type, linkname, size: 0 } };
}

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

Deno.test("checkBundle() refuses a kexec that is no static program", async () => {
  const dynamic = staticProgram("x86_64");
  new DataView(dynamic.buffer).setUint32(64, 3, true);
  await refuses(entries({ "kexec/kexec": { data: dynamic } }), "is no static program");
  await refuses(entries({ "kexec/kexec": { data: bytesOf("#!/bin/sh") } }), "is no ELF program");
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
  await refuses(entries({ "kexec/bzImage": { data: kernel } }), "kexec/bzImage is no Linux kernel");
  const page = bytesOf("<!doctype html><html>");
  await refuses(entries({ "kexec/initrd": { data: page } }), "kexec/initrd is no initial ramdisk");
});

Deno.test("checkBundle() refuses a web page, an empty file and a wrong suffix", async () => {
  const page = bytesOf("<!doctype html><html><body>404</body></html>");
  for (
    const [name, bytes, message] of [
      ["b.tar.gz", page, "it is no tarball, packed or not"],
      ["b.tar.gz", new Uint8Array(), "it is empty"],
      ["b.tar.gz", bundleBytes({ compression: "zst" }), "its name says gzip, its contents zstd"],
      ["b.tar", gzipSync(page), "its name says none, its contents gzip"],
      ["b.tar.gz", gzipSync(page), "it is no tarball, or a damaged one"],
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

Deno.test("checkBundle() goes by the name that the file will have", async () => {
  await withFile(bundleBytes(), "data.partial", async (path) => {
    await checkBundle(path, { name: "b.tar.gz" });
    await assertRejects(() => checkBundle(path, { name: "b.tar.zst" }), VerificationError);
  });
});

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
    "kexec/run is no file",
  );
});

Deno.test("checkBundle() takes links that stay inside, and names with ./ before them", async () => {
  const list = entries({}, [link("kexec/vmlinuz", "symlink", "./bzImage")])
    .map((entry) => ({ ...entry, header: { ...entry.header, name: `./${entry.header.name}` } }));
  assertEquals((await check(list)).parts.length, 5);
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

Deno.test("checkBundle() notes that the network is not carried over without kexec/ip", async () => {
  const notes: string[] = [];
  const meter = { ...silentMeter, note: (message: string) => void notes.push(message) };
  await check(entries({ "kexec/ip": null }), { meter });
  assertEquals(notes.length, 1);
  assertStringIncludes(notes[0]!, "has no kexec/ip");
});

Deno.test("checkBundle() ends on abort", async () => {
  const stop = new AbortController();
  await withFile(bundleBytes({ size: 64 * 1024 * 1024 }), "b.tar.gz", async (path) => {
    const checked = checkBundle(path, { signal: stop.signal });
    setTimeout(() => stop.abort(new Error("enough")), 5);
    await assertRejects(() => checked, Error, "enough");
  });
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
