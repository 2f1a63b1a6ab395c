/** What cannot be exported or imported, and what is said of it. */
import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { join } from "@std/path";
import {
  IncompleteError,
  KedgeError,
  NoRoomError,
  UsageError,
  VerificationError,
} from "../../../lib/base/errors.ts";
import { folderNames } from "../../../lib/base/files.ts";
import { removeTree } from "../../../lib/nix/folder/remove_tree.ts";
import { generateSigningKey } from "../../../lib/nix/signing_key.ts";
import type { ExportStoreOptions } from "../../../tasks/store/copy_store.ts";
import { layersOf, makeStore, verifyWithNix } from "../../support/nix_store_image.ts";
import { mountSmallDisk } from "../../support/small_disk.ts";
import { endsTest } from "../../support/store_ends.ts";

endsTest("an abort ends an import from a Nix in the middle of a path", async (ends) => {
  const large = { name: "large", files: { data: "x".repeat(100_000_000) } };
  const { root, paths } = await makeStore(join(ends.room.folder, "host"), [large]);
  const controller = new AbortController();
  const report = (event: { type: string }) => {
    if (event.type === "object-start") setTimeout(() => controller.abort(new Error("enough")));
  };
  const name = paths["large"]!;
  const options = { from: `local?root=${root}`, paths: [`/nix/store/${name}`] };
  await assertRejects(
    () => ends.import(options, { signal: controller.signal, report }),
    Error,
    "enough",
  );
  // It was not brought to its end first.
  assertEquals(await folderNames(ends.second.store), []);
  assertEquals((await ends.import(options)).pathsMoved, 1);
  await verifyWithNix(ends.second.uri);
});

endsTest("exportStore() says what to do where a path went that is to be read", async (ends) => {
  const path = ends.room.nix.pathOf(ends.of("libc").slice("/nix/store/".length));
  await removeTree(path);
  for (const to of [ends.cache, `local?root=${join(ends.room.folder, "host")}`]) {
    const error = await assertRejects(() => ends.export({ to }), KedgeError);
    assertStringIncludes(error.message, path);
    assertStringIncludes(error.hint ?? "", "run the same command again");
  }
});

endsTest("exportStore() says of a Nix that refused a path what it said, and why", async (ends) => {
  const root = join(ends.room.folder, "host");
  const changed = join(ends.room.nix.path, ends.of("libc").slice("/nix/".length), "empty");
  await Deno.chmod(changed, 0o644);
  await Deno.writeTextFile(changed, "not empty");
  const error = await assertRejects(
    () => ends.export({ to: `local?root=${root}` }),
    VerificationError,
  );
  assertStringIncludes(error.message, `hash mismatch importing path '${ends.of("libc")}'`);
  const small = join(ends.room.folder, "small");
  await using _disk = await mountSmallDisk(small, 2_000_000);
  const files = { large: "x".repeat(4_000_000) };
  const made = await ends.room.store("2.9.0", [{ name: "large", files }]);
  await ends.room.carry(await ends.room.image("2.9.0", await layersOf(made)));
  await assertRejects(
    () => ends.export({ to: `local?root=${small}`, paths: [`/nix/store/${made.paths["large"]}`] }),
    NoRoomError,
    "No space left on device",
  );
}, ["root", "mount"]);

endsTest("importStore() takes nothing that is not what its narinfo says", async (ends) => {
  await ends.export({ compression: "none" });
  const folder = join(ends.room.folder, "binary-cache", "nar");
  for (const name of await folderNames(folder)) {
    const bytes = await Deno.readFile(join(folder, name));
    bytes[bytes.length - 40]! ^= 1;
    await Deno.chmod(join(folder, name), 0o644);
    await Deno.writeFile(join(folder, name), bytes);
  }
  await assertRejects(() => ends.import(), VerificationError);
  assertEquals(await folderNames(ends.second.store), []);
  const publicKeys = ["other:hTSOHsWPYjlR96MjxdKXtYyCPLylva2tvgAOqcBWPBs="];
  const unsigned = await assertRejects(() => ends.import({ publicKeys }), VerificationError);
  assertStringIncludes(unsigned.message, "none of the given keys signed it");
  assertStringIncludes(unsigned.hint ?? "", "it has no signature");
});

endsTest("importStore() says whose signature a path has that no given key made", async (ends) => {
  const { secretText } = await generateSigningKey("ours-1");
  const cache = join(ends.room.folder, "binary-cache");
  const signingKey = { file: join(ends.room.folder, "key") };
  await Deno.writeTextFile(signingKey.file, secretText);
  await ends.export({ signingKey });
  const publicKeys = [(await generateSigningKey("ours-1")).publicText];
  const error = await assertRejects(() => ends.import({ publicKeys }), VerificationError);
  assertStringIncludes(error.message, "none of the given keys signed it");
  assertEquals(
    error.hint,
    "it names as its signers ours-1; give the public key of one that you trust",
  );
  for (const name of (await folderNames(cache)).filter((name) => name.endsWith(".narinfo"))) {
    const text = await Deno.readTextFile(join(cache, name));
    await Deno.writeTextFile(join(cache, name), text.replace(/^Sig: .*/m, "Sig: nonsense"));
  }
  const odd = await assertRejects(() => ends.import({ publicKeys }), VerificationError);
  assertStringIncludes(odd.hint ?? "", "it has no signature");
});

endsTest("importStore() says which NAR cannot be unpacked, and from where", async (ends) => {
  await ends.export();
  const cache = join(ends.room.folder, "binary-cache");
  for (const name of await folderNames(join(cache, "nar"))) {
    await Deno.chmod(join(cache, "nar", name), 0o644);
    await Deno.writeTextFile(join(cache, "nar", name), "no NAR");
  }
  const libc = ends.of("libc");
  const error = await assertRejects(() => ends.import({ paths: [libc] }), VerificationError);
  assertEquals(
    error.message,
    `Cannot copy "${libc}" from "file://${cache}": its NAR cannot be unpacked`,
  );
  assertEquals(await folderNames(ends.second.store), []);
});

endsTest("exports and imports say what is not there", async (ends) => {
  const none = "/nix/store/37rxcdx1wksl9dl0p9mnd0dh10h4rzfl-none";
  const unknown = await assertRejects(() => ends.export({ paths: [none] }), KedgeError);
  assertStringIncludes(unknown.message, `Cannot copy "${none}": it is not valid in the folder`);
  await assertRejects(() => ends.import({ paths: [none] }), IncompleteError);
  await assertRejects(() => ends.import({ paths: [] }), UsageError);
  await assertRejects(() => ends.export({ to: "exec:cat" }), UsageError);
  const unchecked: [object, string][] = [
    [{ to: 3 }, "Cannot use 3 as to: it must be a text"],
    [{ paths: none }, `Cannot use "${none}" as paths: it must be a list of texts`],
    [{ closure: "no" }, 'Cannot use "no" as closure: it must be true or false'],
  ];
  for (const [options, message] of unchecked) {
    await assertRejects(() => ends.export(options as ExportStoreOptions), UsageError, message);
  }
  await assertRejects(() => ends.export({ paths: ["/tmp/x"] }), UsageError);
  const empty = { from: { folder: join(ends.room.folder, "nothing") } };
  await assertRejects(() => ends.export(empty), KedgeError, "there is no store in it");
});
