import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import fc from "fast-check";
import { join } from "@std/path";
import { Hasher, sha256 } from "../../../lib/base/digest.ts";
import { KedgeError, VerificationError } from "../../../lib/base/errors.ts";
import { contentAddress } from "../../../lib/nix/content_address.ts";
import { narPieces, narString } from "../../../lib/nix/nar/nar_pieces.ts";
import { narStream } from "../../../lib/nix/nar/nar_stream.ts";
import { NarVerifier } from "../../../lib/nix/nar/nar_verifier.ts";
import { inFolder } from "../../support/in_folder.ts";
import { startNix } from "../../support/nix.ts";
import { realTest } from "../../support/real.ts";

function bytesOf(path: string, pieceBytes?: number): Uint8Array<ArrayBuffer> {
  const pieces = [...function* () {
    for (const piece of narPieces(path, pieceBytes)) yield piece.slice();
  }()];
  return new Uint8Array(pieces.flatMap((piece) => [...piece]));
}

async function sampleTree(dir: string): Promise<string> {
  const root = join(dir, "tree");
  await Deno.mkdir(join(root, "sub", "empty"), { recursive: true });
  await Deno.writeTextFile(join(root, "file"), "hello");
  await Deno.writeTextFile(join(root, "run"), "#!/bin/sh\n", { mode: 0o755 });
  await Deno.writeTextFile(join(root, "nothing"), "");
  await Deno.writeFile(join(root, "sub", "big"), new Uint8Array(100_001).fill(7));
  for (const name of ["a", "A", "a-b", "a.b", "ab", "ä", "\uffff", "\u{10000}", "z"]) {
    await Deno.writeTextFile(join(root, "sub", name), name);
  }
  await Deno.symlink("../file", join(root, "sub", "link"));
  await Deno.symlink("no/where", join(root, "dangling"));
  return root;
}

realTest("narPieces() and contentAddress() agree with nix", ["nix"], async () => {
  await using world = await startNix();
  const root = await sampleTree(world.dir);
  const single = join(root, "run");
  for (const path of [root, single, join(root, "dangling")]) {
    const dumped = await new Deno.Command("nix-store", { args: ["--dump", path], env: world.env })
      .output();
    const nar = bytesOf(path);
    assertEquals(sha256(nar), sha256(new Uint8Array(dumped.stdout)));
    const name = path.split("/").at(-1)!;
    if (path.endsWith("dangling")) continue;
    assertEquals(
      contentAddress(name, sha256(nar), "nar", world.storeDir).path,
      (await world.run("nix", ["store", "add-path", path])).trim(),
    );
  }
  const flat = contentAddress("run", sha256(await Deno.readFile(single)), "flat", world.storeDir);
  assertEquals(flat.path, (await world.run("nix", ["store", "add-file", single])).trim());
  const [info] = JSON.parse(await world.run("nix", ["path-info", "--json", flat.path]));
  assertEquals(flat.ca, info.ca);
});

Deno.test("narPieces() gives the same bytes whatever the size of its pieces", () =>
  inFolder(async (dir) => {
    const root = await sampleTree(dir);
    const whole = sha256(bytesOf(root));
    for (const size of [1, 7, 8, 4096, 99_999]) assertEquals(sha256(bytesOf(root, size)), whole);
  }));

Deno.test("narPieces() refuses what is neither file, folder nor symlink", () =>
  inFolder(async (dir) => {
    await new Deno.Command("mkfifo", { args: [join(dir, "pipe")] }).output();
    assertThrows(() => bytesOf(dir), KedgeError, "it is neither file, folder nor symlink");
  }));

Deno.test("narPieces() refuses a file that grows or shrinks while it is read", () =>
  inFolder(async (dir) => {
    const file = join(dir, "file");
    for (const size of [100, 300_000]) {
      await Deno.writeFile(file, new Uint8Array(200_000));
      const pieces = narPieces(file, 1024);
      pieces.next();
      await Deno.truncate(file, size);
      assertThrows(() => [...pieces], KedgeError, "it changed while it was read");
    }
  }));

Deno.test("narStream() reads no more than it is asked for, and ends on an abort", () =>
  inFolder(async (dir) => {
    await Deno.writeFile(join(dir, "file"), new Uint8Array(10_000_000));
    const controller = new AbortController();
    const reader = narStream(dir, { pieceBytes: 1000, signal: controller.signal }).getReader();
    assertEquals((await reader.read()).value?.length, 1000);
    controller.abort(new Error("enough"));
    await assertRejects(() => reader.read(), Error, "enough");
  }));

Deno.test("NarVerifier takes a NAR in pieces of any size", () =>
  inFolder(async (dir) => {
    const nar = bytesOf(await sampleTree(dir));
    for (const size of [1, 3, 1000, nar.length]) {
      const verifier = new NarVerifier();
      for (let at = 0; at < nar.length; at += size) verifier.update(nar.subarray(at, at + size));
      assertEquals(verifier.end(), { narHash: sha256(nar), narSize: nar.length });
    }
  }));

function nar(...words: string[]): Uint8Array {
  return new Uint8Array(words.flatMap((word) => [...narString(word)]));
}

function verified(bytes: Uint8Array): void {
  const verifier = new NarVerifier();
  verifier.update(bytes);
  verifier.end();
}

const file = ["(", "type", "regular", "contents", "x", ")"];
const entry = (name: string) => ["entry", "(", "name", name, "node", ...file, ")"];
const folder = (...names: string[]) =>
  nar("nix-archive-1", "(", "type", "directory", ...names.flatMap(entry), ")");

Deno.test("NarVerifier refuses what Nix would not have written", () => {
  verified(folder("a", "b"));
  const huge = new Uint8Array(8).fill(0xff);
  const padding = nar("nix-archive-1", ...file);
  padding[padding.length - 17] = 1;
  const refused: [Uint8Array, string][] = [
    [folder("b", "a"), "out of order"],
    [folder("a", "a"), "out of order"],
    [folder(".."), 'an entry is named ".."'],
    [folder("."), 'an entry is named "."'],
    [folder(""), 'an entry is named ""'],
    [folder("a/b"), 'an entry is named "a/b"'],
    [folder("a\0b"), "an entry is named"],
    [folder("a".repeat(5000)), "is too long"],
    [nar("nix-archive-2"), '"nix-archive-2" stands where "nix-archive-1" must'],
    [nar("nix-archive-1", "(", "type", "socket"), 'of the type "socket"'],
    [nar("nix-archive-1", "(", "type", "symlink", "target", "", ")"), "leads nowhere"],
    [nar("nix-archive-1", ...file, "more"), "something follows its end"],
    [nar("nix-archive-1", ...file).subarray(0, -1), "it ends too early"],
    [
      new Uint8Array([...nar("nix-archive-1", "(", "type", "regular", "contents"), ...huge]),
      "beyond all sizes",
    ],
    [padding, "its padding is not zero"],
    [new TextEncoder().encode("<!doctype html><html><body>not found"), "is too long"],
    [
      nar(
        "nix-archive-1",
        ...Array(1002).fill(["(", "type", "directory", "entry", "(", "name", "a", "node"]).flat(),
      ),
      "folders deep",
    ],
  ];
  for (const [bytes, message] of refused) {
    const error = assertThrows(() => verified(bytes), VerificationError);
    assert(
      error.message.includes(message) || error.message.includes("beyond all sizes"),
      `${error.message} <> ${message}`,
    );
  }
});

Deno.test("NarVerifier never lets another byte through unseen", () =>
  inFolder(async (dir) => {
    const bytes = bytesOf(await sampleTree(dir));
    const expected = sha256(bytes);
    fc.assert(
      fc.property(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 }), (at, change) => {
        const changed = bytes.slice();
        changed[at]! ^= change;
        const verifier = new NarVerifier();
        try {
          verifier.update(changed);
          assert(verifier.end().narHash !== expected);
        } catch (error) {
          assert(error instanceof VerificationError, String(error));
        }
      }),
      { numRuns: 60 },
    );
    assertEquals(new Hasher().update(bytes).digest(), expected);
  }));
