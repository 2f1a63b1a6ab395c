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
import { NixFolder } from "../../../lib/nix/folder/nix_folder.ts";
import { removeTree } from "../../../lib/nix/folder/remove_tree.ts";
import { generateSigningKey } from "../../../lib/nix/signing_key.ts";
import type { TaskContextOptions } from "../../../lib/runner/context.ts";
import {
  type CopyStoreResult,
  exportStore,
  type ExportStoreOptions,
  importStore,
  type ImportStoreOptions,
} from "../../../tasks/store/store.ts";
import { startDavCache } from "../../support/binary_cache.ts";
import { carryPrograms, CarryRoom } from "../../support/carry_room.ts";
import { layersOf, makeStore, validWithNix, verifyWithNix } from "../../support/nix_store_image.ts";
import { runKedge } from "../../support/program.ts";
import { s3Keys, startS3 } from "../../support/s3.ts";
import { realTest } from "../../support/real.ts";
import { mountSmallDisk } from "../../support/small_disk.ts";
import { treeOf } from "../../support/tree.ts";

/** A carried store, a second folder, and a folder for a binary cache. */
class Ends implements AsyncDisposable {
  private constructor(readonly room: CarryRoom, readonly paths: string[]) {}

  static async make(): Promise<Ends> {
    const room = await CarryRoom.make();
    await room.carry(await room.image("2.8.0"));
    return new Ends(room, await validWithNix(room.nix.uri));
  }

  get cache(): string {
    return `file://${join(this.room.folder, "binary-cache")}`;
  }

  get second(): NixFolder {
    return new NixFolder(join(this.room.folder, "second"));
  }

  of(name: string): string {
    return this.paths.find((path) => path.endsWith(`-${name}`))!;
  }

  async export(options: Partial<ExportStoreOptions> = {}): Promise<CopyStoreResult> {
    return await exportStore(
      { from: { folder: this.room.nix.path }, to: this.cache, ...options },
      this.room.context,
    );
  }

  async import(
    options: Partial<ImportStoreOptions> = {},
    context: TaskContextOptions = {},
  ): Promise<CopyStoreResult> {
    const to = { folder: this.second.path };
    return await importStore(
      { from: this.cache, to, paths: [this.of("nix-2.8.0")], ...options },
      { ...this.room.context, ...context },
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.room[Symbol.asyncDispose]();
  }
}

function endsTest(name: string, run: (ends: Ends) => Promise<void>): void {
  realTest(name, carryPrograms, async () => {
    await using ends = await Ends.make();
    await run(ends);
  });
}

endsTest(
  "a closure goes to a binary cache and from there to another folder, once each",
  async (ends) => {
    const out = await ends.export({ paths: [ends.of("shell")] });
    assertEquals([out.pathsMoved, out.paths.length], [2, 2]);
    const rest = await ends.export();
    assertEquals([rest.pathsMoved, rest.paths.length], [1, 3]);
    const idle = await ends.export();
    assertEquals([idle.changed, idle.bytesMoved], [false, 0]);
    assertStringIncludes(idle.why, "has all 3 paths");

    const planned = await ends.import({}, { dryRun: true });
    assertEquals((await treeOf(ends.second.path)).size, 0);
    const into = await ends.import();
    assertEquals({ ...planned, dryRun: false }, into);
    assertEquals(into.pathsMoved, 3);
    await verifyWithNix(ends.second.uri);
    assertEquals(await validWithNix(ends.second.uri), ends.paths);
    const again = await ends.import();
    assertEquals([again.changed, again.bytesMoved, again.paths], [false, 0, into.paths]);
    assertEquals(again.bytesReused, into.bytesMoved);
  },
);

endsTest("Nix's own garbage collector keeps what was imported", async (ends) => {
  await ends.export();
  await ends.import({ paths: [ends.of("shell")] });
  await new Deno.Command("nix-store", { args: ["--store", ends.second.uri, "--gc"] }).output();
  assertEquals((await validWithNix(ends.second.uri)).length, 2);
});

endsTest("importStore() makes a root of a path that is there already", async (ends) => {
  await ends.export();
  await ends.import({ paths: [ends.of("shell")] });
  const paths = [ends.of("libc")];
  const planned = await ends.import({ paths }, { dryRun: true });
  const rooted = await ends.import({ paths });
  assertEquals({ ...planned, dryRun: false }, rooted);
  assertEquals([rooted.changed, rooted.pathsMoved, rooted.paths], [true, 0, paths]);
  assertStringIncludes(rooted.why, "has all of it, and no root for it");
  assertEquals((await ends.import({ paths })).changed, false);
  const shell = ends.of("shell").slice("/nix/store/".length);
  await Deno.remove(join(ends.second.state, "gcroots", "kedge", "imported", shell));
  await new Deno.Command("nix-store", { args: ["--store", ends.second.uri, "--gc"] }).output();
  assertEquals(await validWithNix(ends.second.uri), paths);
});

endsTest("importStore() brings again what vanished", async (ends) => {
  await ends.export();
  await ends.import();
  for (const name of ["libc", "nix-2.8.0"]) {
    const path = ends.second.pathOf(ends.of(name).slice("/nix/store/".length));
    await removeTree(path);
  }
  const planned = await ends.import({}, { dryRun: true });
  const done = await ends.import();
  assertEquals({ ...planned, dryRun: false }, done);
  assertEquals([done.pathsMoved, done.paths.length], [2, 3]);
  await verifyWithNix(ends.second.uri);
  assertEquals(await validWithNix(ends.second.uri), ends.paths);
});

endsTest("exportStore() asks a Nix for more paths than one command line takes", async (ends) => {
  const { folder } = ends.room;
  const row = (at: number) => {
    const name = `${String(at).padStart(32, "0")}-${"n".repeat(205)}`;
    return [`/nix/store/${name}`, "0".repeat(64), "120", "", "0"].join("\n");
  };
  const rows = `${Array.from({ length: 8500 }, (_, at) => row(at)).join("\n")}\n`;
  for (const root of ["many", "host"]) {
    const child = new Deno.Command("nix-store", {
      args: ["--store", `local?root=${join(folder, root)}`, "--load-db"],
      stdin: "piped",
      stderr: "null",
    }).spawn();
    await new Blob([rows]).stream().pipeTo(child.stdin);
    assertEquals((await child.status).success, true);
  }
  const from = { folder: join(folder, "many", "nix") };
  const done = await ends.export({ from, to: `local?root=${join(folder, "host")}` });
  assertEquals([done.changed, done.paths.length], [false, 8500]);
});

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

endsTest("paths go to a store of this machine's Nix and come back", async (ends) => {
  const to = `local?root=${join(ends.room.folder, "host")}`;
  const out = await ends.export({ to, paths: [ends.of("shell")] });
  assertEquals([out.pathsMoved, out.paths.length], [2, 2]);
  await verifyWithNix(to);
  assertEquals((await ends.export({ to, paths: [ends.of("shell")] })).changed, false);
  const more = await ends.export({ to });
  assertEquals(more.pathsMoved, 1);
  const back = await ends.import({ from: to });
  assertEquals(back.pathsMoved, 3);
  await verifyWithNix(ends.second.uri);
  assertEquals((await ends.import({ from: to })).changed, false);
});

endsTest("names of folders may have what a URI is made of", async (ends) => {
  await ends.export();
  const odd = new NixFolder(join(ends.room.folder, "c++ & d%20e?#é", "nix"));
  await ends.import({ to: { folder: odd.path } });
  // Nix itself reads the names of stores.
  await verifyWithNix(odd.uri);
  const store = `local?root=${join(ends.room.folder, "c++%20%26")}`;
  const from = { folder: odd.path };
  assertEquals((await ends.export({ from, to: store })).pathsMoved, 3);
  assertEquals((await ends.import({ from: store })).pathsMoved, 3);
  await verifyWithNix(ends.second.uri);
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
});

endsTest("a single path goes where what it needs is", async (ends) => {
  await assertRejects(
    () => ends.export({ paths: [ends.of("shell")], closure: false }),
    IncompleteError,
  );
  const libc = await ends.export({ paths: [ends.of("libc")], closure: false });
  assertEquals([libc.pathsMoved, libc.paths.length], [1, 1]);
  await ends.export();
  const single = { paths: [ends.of("nix-2.8.0")], closure: false };
  const error = await assertRejects(() => ends.import(single), IncompleteError);
  assertStringIncludes(error.message, "which is not there");
  await ends.import({ paths: [ends.of("shell")] });
  assertEquals((await ends.import(single)).pathsMoved, 1);
  await verifyWithNix(ends.second.uri);
});

endsTest("importStore() takes nothing that is not what its narinfo says", async (ends) => {
  await ends.export({ compression: "none" });
  const folder = join(ends.room.folder, "binary-cache", "nar");
  for (const name of await folderNames(folder)) {
    const bytes = await Deno.readFile(join(folder, name));
    bytes[bytes.length - 40]! ^= 1;
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

realTest(
  "base-image:export and base-image:import speak to a server",
  [...carryPrograms, "nginx"],
  async () => {
    await using ends = await Ends.make();
    await using server = await startDavCache();
    const cacheDir = join(ends.room.folder, "cache");
    const url = server.nginx.url;
    const shell = ends.of("shell");
    const out = await runKedge(
      ["base-image:export", shell, `--folder=${ends.room.nix.path}`, `--to=${url}`],
      { cacheDir },
    );
    assertEquals([out.code, out.stdout.trim().split("\n").sort()], [
      0,
      [ends.of("libc"), shell].sort(),
    ], out.stderr);
    const into = await runKedge(
      ["base-image:import", shell, `--folder=${ends.second.path}`, `--from=${url}`, "--json"],
      { cacheDir },
    );
    assertEquals(into.code, 0, into.stderr);
    assertEquals(JSON.parse(into.stdout.trim().split("\n").at(-1)!).value.pathsMoved, 2);
    await verifyWithNix(ends.second.uri);
  },
);

realTest("base-image:export and base-image:import speak to S3", carryPrograms, async () => {
  await using ends = await Ends.make();
  await using s3 = await startS3();
  const cacheDir = join(ends.room.folder, "cache");
  const url = `s3://kedge/nix/cache?endpoint=${s3.endpoint}`;
  const nix = ends.of("nix-2.8.0");
  const kedge = async (
    args: readonly string[],
    secret = s3Keys.secretAccessKey,
  ): Promise<{ code: number; value: CopyStoreResult; stderr: string }> => {
    const env = { AWS_ACCESS_KEY_ID: s3Keys.accessKeyId, AWS_SECRET_ACCESS_KEY: secret };
    const { code, stdout, stderr } = await runKedge([...args, "--json"], { cacheDir, env });
    return { code, value: JSON.parse(stdout.trim().split("\n").at(-1)!).value, stderr };
  };
  const out = ["base-image:export", nix, `--folder=${ends.room.nix.path}`, `--to=${url}`];
  const into = ["base-image:import", nix, `--folder=${ends.second.path}`, `--from=${url}`];

  const planned = await kedge([...out, "--dry-run"]);
  assertEquals([planned.code, planned.value.pathsMoved], [0, 3], planned.stderr);
  assertEquals(s3.count(/^PUT /), 0);
  const first = await kedge(out);
  assertEquals([first.code, first.value.pathsMoved], [0, 3], first.stderr);
  assertEquals(s3.count(/^PUT \/kedge\/nix\/cache\/nar\//), 3);
  const puts = s3.count(/^PUT /);
  const again = await kedge(out);
  assertEquals([again.value.changed, again.value.bytesMoved], [false, 0]);
  assertEquals(s3.count(/^PUT /), puts);

  const brought = await kedge(into);
  assertEquals([brought.code, brought.value.pathsMoved], [0, 3], brought.stderr);
  await verifyWithNix(ends.second.uri);
  assertEquals(await validWithNix(ends.second.uri), ends.paths);
  const before = s3.count(/^GET .*\/nar\//);
  const idle = await kedge(into);
  assertEquals([idle.value.changed, s3.count(/^GET .*\/nar\//)], [false, before]);

  const wrong = await kedge([...out.slice(0, -1), `${out.at(-1)}&region=eu-west-1`], "WRONG");
  assertEquals([wrong.code, wrong.stderr.includes("WRONG")], [5, false], wrong.stderr);
});
