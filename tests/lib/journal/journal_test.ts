import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { dirname, fromFileUrl, join } from "@std/path";
import { KedgeError } from "../../../lib/base/errors.ts";
import { Redactor } from "../../../lib/base/redactor.ts";
import { Journal } from "../../../lib/journal/journal.ts";
import { canMountFresh, mountFreshDisk } from "../../support/fresh_disk.ts";
import { inFolder } from "../../support/in_folder.ts";

function withPath(run: (path: string) => void | Promise<void>): Promise<void> {
  return inFolder(async (folder) => await run(join(folder, "cache", "journal-v1.db")));
}

function exists(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    return false;
  }
}

Deno.test("Journal touches no disk before the first write", () =>
  withPath((path) => {
    using journal = new Journal({ path });
    assertEquals(journal.runs(), []);
    assertEquals(exists(path), false);
  }));

Deno.test("Journal keeps runs, their operations and their steps for the next process", () =>
  withPath((path) => {
    let clock = 1000;
    {
      using journal = new Journal({ path, now: () => clock++ });
      const run = journal.beginRun("deploy --jobs 2");
      const record = journal.begin({ operation: "op1", kind: "kexec", subject: "a bundle" });
      record.step("move", "blob", "done", { bytes: 7 });
      record.end({ figures: { bytesMoved: 7 } });
      journal.begin({ operation: "op2", kind: "image", subject: "an image" })
        .end({ error: { message: "no" } });
      journal.endRun(run, 1);
      journal.beginRun("killed");
    }
    using journal = new Journal({ path });
    const [killed, ended] = journal.runs();
    assertEquals([killed?.command, killed?.ended, killed?.exitCode], ["killed", null, null]);
    assertEquals([ended?.command, ended?.exitCode], ["deploy --jobs 2", 1]);
    const operations = journal.operations(ended!.id);
    assertEquals(operations.map(({ kind, figures, error }) => ({ kind, figures, error })), [
      { kind: "kexec", figures: { bytesMoved: 7 }, error: null },
      { kind: "image", figures: null, error: { message: "no" } },
    ]);
    assertEquals(journal.steps("op1"), [
      { at: 1002, phase: "move", object: "blob", state: "done", detail: { bytes: 7 } },
    ]);
  }));

Deno.test("Journal writes no secret that its redactor knows", () =>
  withPath((path) => {
    const redactor = new Redactor();
    redactor.add('hunter22"quoted');
    {
      using journal = new Journal({ path, redactor });
      journal.beginRun('deploy --token hunter22"quoted');
      const record = journal.begin({ operation: "op", kind: "k", subject: 'at hunter22"quoted' });
      record.step("move", 'hunter22"quoted', "done", { header: 'Bearer hunter22"quoted' });
      record.end({ error: { message: 'hunter22"quoted is wrong' } });
    }
    using journal = new Journal({ path });
    const text = JSON.stringify([journal.runs(), journal.steps("op")]);
    assertEquals(text.includes("hunter22"), false);
    assertStringIncludes(text, "[redacted]");
  }));

Deno.test("Journal closes its file when it is idle, if it shall, and opens it again", () =>
  withPath((path) => {
    const journal = new Journal({ path, closeWhenIdle: true });
    const openFiles = () =>
      [...Deno.readDirSync("/proc/self/fd")].filter(({ name }) => {
        try {
          return Deno.readLinkSync(`/proc/self/fd/${name}`).startsWith(path);
        } catch {
          return false;
        }
      }).length;
    if (Deno.build.os !== "linux") return;
    for (let i = 0; i < 3; i++) {
      const one = journal.begin({ operation: `a${i}`, kind: "k", subject: "s" });
      const two = journal.begin({ operation: `b${i}`, kind: "k", subject: "s" });
      one.end({ figures: {} });
      assertEquals(openFiles() > 0, true);
      two.end({ figures: {} });
      assertEquals(openFiles(), 0);
    }
  }));

Deno.test("Journal says which file is damaged and what it holds", () =>
  withPath(async (path) => {
    await Deno.mkdir(join(path, ".."), { recursive: true });
    await Deno.writeTextFile(path, "this is not a database, whatever its name says".repeat(100));
    using journal = new Journal({ path });
    const error = assertThrows(() => journal.beginRun("deploy"), KedgeError, path);
    assertStringIncludes(String((error as KedgeError).hint), "history of runs");
  }));

Deno.test("Journal tells of a folder in its place, and does not say that there were no runs", () =>
  withPath(async (path) => {
    await Deno.mkdir(path, { recursive: true });
    using journal = new Journal({ path });
    assertThrows(() => journal.runs(), KedgeError, `Cannot use the journal "${path}"`);
  }));

Deno.test("Journal is left as it is at the end of a process that only ran, and tells all to the next", () =>
  withPath((path) => {
    const log = `${path}-wal`;
    const run = (command: string, work?: (journal: Journal) => void) => {
      const redactor = new Redactor();
      const journal = new Journal({ path, redactor, endsWithProcess: true });
      const id = journal.beginRun(command);
      work?.(journal);
      if (command.includes("hunter2")) redactor.add("hunter2");
      journal.endRun(id, 0);
      journal[Symbol.dispose]();
    };
    run("noop");
    assertEquals(exists(log), true);
    run("noop", (journal) => {
      const record = journal.begin({ operation: "op", kind: "kexec", subject: "a bundle" });
      record.step("plan", "", "done");
      record.end({ figures: { changed: false } });
    });
    assertEquals(exists(log), true);
    {
      using journal = new Journal({ path });
      assertEquals(journal.runs().map((each) => [each.command, each.exitCode]), [["noop", 0], [
        "noop",
        0,
      ]]);
    }
  }));

Deno.test("Journal is closed at the end of a process that finds a long log of others", () =>
  withPath(async (path) => {
    const source = new URL("../../../lib/journal/journal.ts", import.meta.url).href;
    const program = `const { Journal } = await import(${JSON.stringify(source)});
      const journal = new Journal({ path: ${JSON.stringify(path)}, endsWithProcess: true });
      journal.endRun(journal.beginRun("x".repeat(50_000)), 0);
      journal[Symbol.dispose]();
      Deno.exit();`;
    const left: boolean[] = [];
    for (let each = 0; each < 4; each++) {
      await new Deno.Command(Deno.execPath(), { args: ["eval", program] }).output();
      left.push(exists(`${path}-wal`));
    }
    assertEquals(left, [true, false, true, false]);
    using journal = new Journal({ path });
    assertEquals(journal.runs().map((each) => each.exitCode), [0, 0, 0, 0]);
  }));

Deno.test("Journal is closed at the end of a process that did something, or whose log holds a secret", () =>
  withPath((path) => {
    for (
      const [command, work] of [
        [
          "kexec",
          (journal: Journal) =>
            journal.begin({ operation: "op", kind: "kexec", subject: "a bundle" })
              .end({ figures: { changed: true } }),
        ],
        [
          "kexec in vain",
          (journal: Journal) =>
            journal.begin({ operation: "op 2", kind: "kexec", subject: "a bundle" })
              .end({ error: { message: "no" } }),
        ],
        ["login", (journal: Journal) => journal.remember("host", "habit", { ranges: false })],
        ["login --token hunter2", undefined],
      ] as const
    ) {
      const redactor = new Redactor();
      const journal = new Journal({ path, redactor, endsWithProcess: true });
      const id = journal.beginRun(command);
      work?.(journal);
      redactor.add("hunter2");
      journal.endRun(id, 0);
      journal[Symbol.dispose]();
      assertEquals(exists(`${path}-wal`), false, command);
      assert(!Deno.readTextFileSync(path).includes("hunter2"));
    }
  }));

Deno.test("Journal that was never opened is left alone at the end, even where its file may not be looked at", () =>
  withPath(async (path) => {
    const printed = await printedBy(
      path,
      [],
      `const onFailure = () => console.log("failed");
       using journal = new Journal({ path, endsWithProcess: true, onFailure });
       journal.endRun(journal.beginRun("noop"), 0);`,
    );
    assertEquals(printed, ["failed", ""]);
  }));

Deno.test("Journal is read where it may not be written, and tells once that it is not", () =>
  withPath(async (path) => {
    {
      using journal = new Journal({ path });
      journal.endRun(journal.beginRun("kexec"), 0);
    }
    const [first, failure, ...last] = await printedBy(
      path,
      ["--allow-read"],
      `using journal = new Journal({ path, onFailure: ({ message }) => console.log(message) });
       console.log(journal.runs().map(({ command }) => command), journal.recall("host", "habit"));
       journal.endRun(journal.beginRun("noop"), 0);
       console.log(journal.runs().length);`,
    );
    assertEquals([first, ...last], ['[ "kexec" ] undefined', "1", ""]);
    assertStringIncludes(failure!, `Cannot use the journal "${path}": Requires write access`);
  }));

/** The lines that a program prints which uses a journal at `path` with these permissions alone; it must end with 0. */
async function printedBy(path: string, permissions: string[], program: string): Promise<string[]> {
  const source = new URL("../../../lib/journal/journal.ts", import.meta.url);
  const config = new URL("../../../deno.json", import.meta.url);
  const file = join(dirname(dirname(path)), "program.ts");
  await Deno.writeTextFile(
    file,
    `import { Journal } from ${JSON.stringify(source.href)};
     const path = ${JSON.stringify(path)};
     ${program}`,
  );
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--no-prompt", ...permissions, `--config=${fromFileUrl(config)}`, file],
  }).output();
  const text = new TextDecoder();
  assertEquals(code, 0, text.decode(stderr));
  return text.decode(stdout).split("\n");
}

Deno.test({
  name: "Journal is done without on a full disk of small blocks, and the process goes on",
  ignore: !canMountFresh,
  fn: () =>
    inFolder(async (folder) => {
      // ext4 has blocks of 1 KiB where a disk is as small as this.
      await using disk = await mountFreshDisk(join(folder, "disk"), 8 * 1024 * 1024);
      const source = new URL("../../../lib/journal/journal.ts", import.meta.url).href;
      const path = join(disk.dir, "cache", "journal-v1.db");
      const program = `const { Journal } = await import(${JSON.stringify(source)});
        const onFailure = (error) => console.log(error.name);
        const journal = new Journal({ path: ${JSON.stringify(path)}, onFailure });
        journal.beginRun("noop");
        const { step } = journal.begin({ operation: "op", kind: "image", subject: "an image" });
        for (let at = 0; at < 400; at++) step("move", "a blob", "arrived", { at });
        journal[Symbol.dispose]();`;
      const filler = join(disk.dir, "filler");
      const config = fromFileUrl(new URL("../../../deno.json", import.meta.url));
      for (const freeBytes of [32, 40, 100, 140].map((kibibytes) => kibibytes * 1024)) {
        await Deno.remove(dirname(path), { recursive: true }).catch(() => {});
        await Deno.writeFile(filler, new Uint8Array(8 * 1024 * 1024)).catch(() => {});
        await Deno.truncate(filler, (await Deno.stat(filler)).size - freeBytes);
        for (const _run of ["first", "next"]) {
          const { code, signal, stdout } = await new Deno.Command(Deno.execPath(), {
            args: ["eval", "--no-check", "--config", config, program],
            stdin: "null",
          }).output();
          const said = new TextDecoder().decode(stdout).trim();
          assertEquals([code, signal, said], [0, null, "NoRoomError"], `${freeBytes} free`);
        }
      }
    }),
});
