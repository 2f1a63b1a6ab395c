import {
  assert,
  assertEquals,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { fromFileUrl, join } from "@std/path";
import { sha256 } from "../../../lib/base/digest.ts";
import { KedgeError, UsageError } from "../../../lib/base/errors.ts";
import { Lockfile } from "../../../lib/cache/lockfile.ts";
import { inFolder } from "../../support/in_folder.ts";

function withPath(run: (path: string) => Promise<void>): Promise<void> {
  return inFolder((dir) => run(join(dir, "kedge.lock")));
}

const one = { digest: sha256("1"), size: 1, date: "2026-01-01T00:00:00.000Z" };
const two = { digest: sha256("2"), size: 2, date: "2026-01-02T00:00:00.000Z" };

Deno.test("Lockfile gives back what was pinned, keys sorted", () =>
  withPath(async (path) => {
    const lockfile = new Lockfile(path);
    assertEquals(await lockfile.pinned("kexec b"), undefined);
    await Promise.all([lockfile.pin("kexec b", two), lockfile.pin("kexec a", one)]);
    assertEquals(await new Lockfile(path).pinned("kexec a"), one);
    const text = await Deno.readTextFile(path);
    assert(text.indexOf("kexec a") < text.indexOf("kexec b") && text.endsWith("}\n"));
  }));

Deno.test("Lockfile does not write what it holds already", () =>
  withPath(async (path) => {
    await new Lockfile(path).pin("k", one);
    assertEquals(await new Lockfile(path).pin("k", { digest: one.digest }), false);
    assertEquals(await new Lockfile(path).pinned("k"), one);
  }));

Deno.test("Lockfile pins several keys at once, and leaves those alone that stand", () =>
  withPath(async (path) => {
    await new Lockfile(path).pin("a", one);
    const lockfile = new Lockfile(path, { now: () => 0 });
    const again = { digest: one.digest };
    assertEquals(
      await lockfile.pinAll(new Map([["a", again], ["b", { digest: two.digest }]])),
      true,
    );
    assertEquals(await lockfile.pinned("a"), one);
    assertEquals(await lockfile.pinned("b"), {
      digest: two.digest,
      date: "1970-01-01T00:00:00.000Z",
    });
    assertEquals(await lockfile.pinAll(new Map([["a", one], ["b", two]])), false);
    assertEquals(await lockfile.pinAll(new Map()), false);
  }));

Deno.test("Lockfile keeps what another pinned since it was asked, unless an update may move it", () =>
  withPath(async (path) => {
    const [late, moving] = [new Lockfile(path), new Lockfile(path, { update: ["a"] })];
    for (const each of [late, moving]) assertEquals(await each.pinned("a"), undefined);
    await new Lockfile(path).pin("a", one);
    const error = await assertRejects(
      () => late.pinAll(new Map([["b", two], ["a", two]])),
      KedgeError,
      `Cannot pin "a" to ${two.digest}: "${path}" pins it to ${one.digest}`,
    );
    assertStringIncludes(error.hint ?? "", "run the same command again");
    assertEquals(await late.pinAll(new Map([["a", one]])), false);
    assertEquals([await late.pinned("a"), await late.pinned("b")], [one, undefined]);
    assertEquals(await moving.pin("a", two), true);
    assertEquals(await late.pinned("a"), two);
  }));

Deno.test("Lockfile reads the pins anew only where others changed the file", () =>
  withPath(async (path) => {
    const lockfile = new Lockfile(path);
    await lockfile.pin("a", one);
    const pin = await lockfile.pinned("a");
    assert(await lockfile.pinned("a") === pin);
    await new Lockfile(path).pin("a", two);
    assertEquals(await lockfile.pinned("a"), two);
  }));

Deno.test("Lockfile keeps the fields of newer versions", () =>
  withPath(async (path) => {
    const newer = { version: 1, note: "kept", pins: { other: { ...one, signer: "me" } } };
    await Deno.writeTextFile(path, JSON.stringify(newer));
    await new Lockfile(path).pin("k", two);
    const { pins, note } = JSON.parse(await Deno.readTextFile(path));
    assertEquals([note, pins.other.signer, pins.k.digest], ["kept", "me", two.digest]);
  }));

Deno.test("Lockfile keeps every pin of several processes that pin at once", () =>
  withPath(async (path) => {
    const root = new URL("../../../", import.meta.url).href;
    const go = `${path}.go`;
    const program = `${path}.ts`;
    await Deno.writeTextFile(
      program,
      `import { Lockfile } from ${JSON.stringify(`${root}lib/cache/lockfile.ts`)};
      import { sha256 } from ${JSON.stringify(`${root}lib/base/digest.ts`)};
      const [path, go, own] = Deno.args;
      console.log("ready");
      for (;;) if (await Deno.stat(go).then(() => true, () => false)) break;
      for (let pin = 0; pin < 8; pin++) {
        await new Lockfile(path).pin("p" + own + "-" + pin, { digest: sha256(own + pin) });
      }`,
    );
    const processes = ["a", "b", "c", "d", "e"].map((own) =>
      new Deno.Command(Deno.execPath(), {
        args: [
          "run",
          "-A",
          "--no-check",
          `--config=${fromFileUrl(root)}deno.json`,
          program,
          path,
          go,
          own,
        ],
        stdout: "piped",
        stderr: "inherit",
      }).spawn()
    );
    await Promise.all(processes.map(async ({ stdout }) => {
      for await (const _ready of stdout) break;
    }));
    await Deno.writeTextFile(go, "");
    const ends = await Promise.all(processes.map(({ status }) => status));
    assertEquals(ends.map(({ code }) => code), [0, 0, 0, 0, 0]);
    const { pins } = JSON.parse(await Deno.readTextFile(path));
    assertEquals(Object.keys(pins).length, 5 * 8);
    assertEquals(pins["pc-7"].digest, sha256("c7"));
  }));

Deno.test("Lockfile that a process was killed over before its first pin holds none", () =>
  withPath(async (path) => {
    await Deno.writeTextFile(path, "");
    assertEquals(await new Lockfile(path).pinned("k"), undefined);
    await new Lockfile(path).pin("k", one);
    assertEquals(await new Lockfile(path).pinned("k"), one);
  }));

Deno.test("Lockfile that is frozen refuses what it does not hold", () =>
  withPath(async (path) => {
    await new Lockfile(path).pin("k", one);
    const frozen = new Lockfile(path, { frozen: true });
    assertEquals(await frozen.pinned("k"), one);
    const error = await assertRejects(() => frozen.pinned("other"), UsageError, "frozen");
    assertEquals(
      error.hint,
      "run the command once without --frozen, outside CI, and commit the lockfile",
    );
  }));

Deno.test("Lockfile with an update gives no pin for what may move", () =>
  withPath(async (path) => {
    await new Lockfile(path).pin("k", one);
    assertEquals(await new Lockfile(path, { update: "all" }).pinned("k"), undefined);
    assertEquals(await new Lockfile(path, { update: ["x"] }).pinned("k"), one);
    assertEquals(await new Lockfile(path, { update: ["x"] }).pinned("k", "x"), undefined);
  }));

Deno.test("Lockfile cannot be frozen and updated", () => {
  assertThrows(() => new Lockfile("f", { frozen: true, update: "all" }), UsageError);
});

Deno.test("Lockfile that is a folder is refused", () =>
  withPath(async (path) => {
    await Deno.mkdir(path);
    await assertRejects(() => new Lockfile(path).pinned("k"), UsageError, path);
  }));

for (
  const text of ["{", "[]", '{"version":2,"pins":{}}', '{"version":1,"pins":{"k":{"digest":"x"}}}']
) {
  Deno.test(`Lockfile that reads ${text} is refused, not overwritten`, () =>
    withPath(async (path) => {
      await Deno.writeTextFile(path, text);
      await assertRejects(() => new Lockfile(path).pinned("k"), UsageError, path);
      await assertRejects(() => new Lockfile(path).pin("k", one), UsageError);
      assertEquals(await Deno.readTextFile(path), text);
    }));
}

Deno.test("Lockfile with a pin that is not a digest says which", () =>
  withPath(async (path) => {
    const pins = {
      "image docker://a.b/c:1": one,
      "image docker://a.b/c:2": { digest: "sha256:0" },
    };
    await Deno.writeTextFile(path, JSON.stringify({ version: 1, pins }));
    const error = await assertRejects(
      () => new Lockfile(path).pinned("k"),
      UsageError,
      '"digest" of "image docker://a.b/c:2" of "pins": not a digest',
    );
    assertStringIncludes(error.hint ?? "", "restore it");
  }));

Deno.test("Lockfile that cannot be read tells what to do about it", () =>
  withPath(async (path) => {
    const pins =
      `{\n  "version": 1,\n  "pins": {\n<<<<<<< HEAD\n    "k": {}\n=======\n>>>>>>> b\n  }\n}`;
    const hints: [text: string, hint: string][] = [
      [pins, "a merge left its conflict in it"],
      [JSON.stringify({ version: 2, pins: [] }, undefined, 2), "a newer kedge wrote it"],
      ["{", "restore it from version control"],
    ];
    for (const [text, hint] of hints) {
      await Deno.writeTextFile(path, text);
      const error = await assertRejects(() => new Lockfile(path).pinned("k"), UsageError, path);
      assertStringIncludes(error.hint ?? "", hint);
    }
  }));
