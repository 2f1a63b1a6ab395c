import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { join } from "@std/path";
import { DatabaseSync } from "node:sqlite";
import { sha256 } from "../../../lib/base/digest.ts";
import { VerificationError } from "../../../lib/base/errors.ts";
import { folderNames } from "../../../lib/base/files.ts";
import { Cache } from "../../../lib/cache/cache.ts";
import { contentAddress } from "../../../lib/nix/content_address.ts";
import { narPieces, narString } from "../../../lib/nix/nar/nar_pieces.ts";
import { NixFolder } from "../../../lib/nix/folder/nix_folder.ts";
import { formatNixHash } from "../../../lib/nix/nix_hash.ts";
import { removeTree } from "../../../lib/nix/folder/remove_tree.ts";
import { type CopyStoreResult, exportStore, importStore } from "../../../tasks/store/copy_store.ts";
import { inFolder } from "../../support/in_folder.ts";
import { verifyWithNix } from "../../support/nix_store_image.ts";
import { realTest } from "../../support/real.ts";

const digits = "37rxcdx1wksl9dl0p9mnd0dh10h4rzfl";
const path = `/nix/store/${digits}-x`;

function joined(pieces: Iterable<Uint8Array>): Uint8Array<ArrayBuffer> {
  return new Uint8Array([...pieces].flatMap((piece) => [...piece]));
}

/** The NAR of a file in folders of these names, one in the other. */
function deepNar(folders: readonly string[], name: string): Uint8Array {
  const entry = (each: string) => ["(", "type", "directory", "entry", "(", "name", each, "node"];
  const words = [
    "nix-archive-1",
    ...[...folders, name].flatMap(entry),
    ...["(", "type", "regular", "contents", "x", ")"],
    ...[...folders, name].flatMap(() => [")", ")"]),
  ];
  return joined(words.map(narString));
}

/** A folder, and a binary cache with one path, whose narinfo says what it is told to. */
class Hostile {
  constructor(readonly folder: string) {}

  get nix(): NixFolder {
    return new NixFolder(join(this.folder, "to"));
  }

  /** Writes the NAR of a file, and what is said of it. */
  async say(
    storePath: string,
    content: string,
    more: Record<string, string> = {},
  ): Promise<string> {
    const file = join(this.folder, "file");
    await Deno.writeTextFile(file, content);
    return await this.sayNar(storePath, joined(narPieces(file)), more);
  }

  /** Writes a NAR, and what is said of it. */
  async sayNar(
    storePath: string,
    nar: Uint8Array,
    more: Record<string, string> = {},
  ): Promise<string> {
    const cache = join(this.folder, "binary-cache");
    await Deno.mkdir(cache, { recursive: true });
    await Deno.writeFile(join(cache, "x.nar"), nar);
    const narHash = formatNixHash(sha256(nar));
    const fields = {
      ...{ StorePath: storePath, URL: "x.nar", Compression: "none", NarHash: narHash },
      ...{ NarSize: String(nar.length), References: "", ...more },
    };
    const text = Object.entries(fields).map(([name, value]) => `${name}: ${value}\n`).join("");
    const hashPart = storePath.slice("/nix/store/".length, "/nix/store/".length + 32);
    await Deno.writeTextFile(join(cache, `${hashPart}.narinfo`), text);
    return narHash;
  }

  async import(storePath = path): Promise<CopyStoreResult> {
    const from = `file://${join(this.folder, "binary-cache")}`;
    const to = { folder: this.nix.path };
    const cache = new Cache(join(this.folder, "cache"));
    return await importStore({ from, to, paths: [storePath] }, { cache });
  }
}

realTest("importStore() roots paths with the longest names", ["nix"], async () => {
  await inFolder(async (folder) => {
    const hostile = new Hostile(folder);
    const long = `/nix/store/${digits}-${"n".repeat(211)}`;
    await hostile.say(long, "long");
    assertEquals((await hostile.import(long)).pathsMoved, 1);
    assertEquals((await hostile.import(long)).changed, false);
    await verifyWithNix(hostile.nix.uri);
  });
});

Deno.test("importStore() tells of a NAR that has the hash and another size", async () => {
  await inFolder(async (folder) => {
    const hostile = new Hostile(folder);
    await hostile.say(path, "x", { NarSize: "4000" });
    const error = await assertRejects(() => hostile.import(), VerificationError);
    assertStringIncludes(error.message, "and 120 bytes instead of");
    assertStringIncludes(error.message, " and 4000");
  });
});

realTest(
  "importStore() takes no content address that Nix would stumble over",
  ["nix"],
  async () => {
    await inFolder(async (folder) => {
      const hostile = new Hostile(folder);
      const other = "0".repeat(52);
      const refused = [
        ...["junk", "fixed:", "fixed:r:", "fixed:r:sha256:", "fixed:r:sha256:zz", "text:md5:00"],
        ...[`text:sha256:${other}0`, `fixed:r:sha257:${other}`, `fixed:x:sha256:${other}`],
        // As long as a hash, and none.
        ...[`fixed:sha256:${"e".repeat(52)}`, `fixed:sha256:${"g".repeat(64)}`],
        ...[`text:sha256:${"z".repeat(52)}`, `fixed:r:md5:${"=".repeat(24)}`],
        // It is of another NAR.
        `fixed:r:sha256:${other}`,
      ];
      for (const CA of refused) {
        await hostile.say(path, "x", { CA });
        const error = await assertRejects(() => hostile.import(), VerificationError);
        assertStringIncludes(error.message, `Cannot copy "${path}"`);
        assertStringIncludes(error.message, "its content address", CA);
      }
      assertEquals(await folderNames(hostile.nix.store), []);
      const file = join(folder, "file");
      await Deno.writeTextFile(file, "right");
      const digest = sha256(joined(narPieces(file)));
      const right = contentAddress("x", digest, "nar");
      await hostile.say(right.path, "right", { CA: right.ca });
      assertEquals((await hostile.import(right.path)).pathsMoved, 1);
      const made = { CA: `fixed:r:sha256:${other}`, References: `${digits}-x` };
      // Of what refers to itself, another text is hashed.
      await hostile.say(path, "self", made);
      assertEquals((await hostile.import()).pathsMoved, 1);
      await verifyWithNix(hostile.nix.uri);
    });
  },
);

Deno.test("importStore() takes no path that no Nix could read", async () => {
  await inFolder(async (folder) => {
    const hostile = new Hostile(folder);
    const above = Array(15).fill("d".repeat(254));
    // As long as the system lets a whole path be, with what stands before it: 4095 bytes.
    const rest = 4095 - `${path}/${above.join("/")}/`.length;
    await hostile.sayNar(path, deepNar(above, "n".repeat(rest)));
    assertEquals((await hostile.import()).pathsMoved, 1);
    await removeTree(hostile.nix.path);
    for (
      const [nar, state] of [
        [deepNar(above, "n".repeat(rest + 1)), "its path has 4096 bytes"],
        [deepNar([], "é".repeat(128)), "a name of 256 bytes is too long"],
        [
          joined(
            ["nix-archive-1", "(", "type", "symlink", "target", "t".repeat(4096), ")"]
              .map(narString),
          ),
          "a target of 4096 bytes is too long",
        ],
      ] as const
    ) {
      await hostile.sayNar(path, nar);
      const error = await assertRejects(() => hostile.import(), VerificationError);
      assertStringIncludes(error.message, `Cannot copy "${path}"`);
      assertEquals(error.side, "source");
      assertStringIncludes((error.cause as Error).message, state);
      assertEquals(await folderNames(hostile.nix.store), []);
    }
  });
});

Deno.test("what an import brings again is known as its source knows it now", async () => {
  await inFolder(async (folder) => {
    const hostile = new Hostile(folder);
    await hostile.say(path, "x", { Sig: "old:b2xk" });
    await hostile.import();
    await removeTree(hostile.nix.pathOf(`${digits}-x`));
    const ca = `fixed:sha256:${"1".repeat(52)}`;
    await hostile.say(path, "another build", { Sig: "new:bmV3", CA: ca });
    assertEquals((await hostile.import()).pathsMoved, 1);
    using database = new DatabaseSync(join(hostile.nix.databaseFolder, "db.sqlite"));
    const rows = database.prepare("select sigs, ca from ValidPaths").all();
    assertEquals(rows.map((row) => ({ ...row })), [{ sigs: "new:bmV3", ca }]);
  });
});

realTest(
  "exportStore() counts as brought no path that it only signs",
  ["root", "nix"],
  async () => {
    await inFolder(async (folder) => {
      const hostile = new Hostile(folder);
      await hostile.say(path, "x");
      await hostile.import();
      const key = join(folder, "key");
      const args = ["--generate-binary-cache-key", "k-1", key, join(folder, "public")];
      assertEquals((await new Deno.Command("nix-store", { args }).output()).success, true);
      const from = { folder: hostile.nix.path };
      const to = `file://${join(folder, "other-cache")}`;
      const context = { cache: new Cache(join(folder, "cache")) };
      assertEquals((await exportStore({ from, to }, context)).pathsMoved, 1);
      const signing = { from, to, signingKey: { file: key } };
      const planned = await exportStore(signing, { ...context, dryRun: true });
      const signed = await exportStore(signing, context);
      assertEquals({ ...planned, dryRun: false }, signed);
      assertEquals([signed.changed, signed.pathsMoved, signed.bytesMoved], [true, 0, 0]);
      assertEquals(signed.why, `"${to}" has the one path; 1 that it has lacks a signature of ours`);
      const narInfo = await Deno.readTextFile(join(folder, "other-cache", `${digits}.narinfo`));
      assertStringIncludes(narInfo, "Sig: k-1:");
      assertEquals((await exportStore(signing, context)).changed, false);
    });
  },
);
