/** What a reader sees on a real terminal. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { delay } from "@std/async";
import { fromFileUrl, join } from "@std/path";
import { columnsOf, cutToColumns } from "../../../lib/report/columns.ts";
import { liveLine } from "../../../lib/report/live_line.ts";
import { PlainProgress } from "../../../lib/report/progress.ts";
import { realTest } from "../../support/real.ts";
import { runKedge } from "../../support/program.ts";
import { Screen } from "../../support/screen.ts";
import { onTerminal } from "../../support/terminal.ts";

const program = fromFileUrl(new URL("./fixtures/tasks.ts", import.meta.url));
const spinner = /^[⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏] /;

async function withCache(use: (env: Record<string, string>, dir: string) => Promise<void>) {
  const dir = await Deno.realPath(await Deno.makeTempDir());
  try {
    await use({ KEDGE_CACHE_DIR: join(dir, "cache") }, dir);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

/** Plays what was written, piece by piece; gives the screen, and each state with lines that move. */
function play(text: string, columns: number): { screen: Screen; moving: string[][] } {
  const screen = new Screen(columns);
  const moving: string[][] = [];
  const erasure = "\r\x1b[J";
  for (const [index, piece] of text.split(erasure).entries()) {
    screen.write(index === 0 ? piece : erasure + piece);
    const from = screen.rows.findIndex((row) => spinner.test(row));
    if (from >= 0) moving.push(screen.rows.slice(from));
  }
  return { screen, moving };
}

realTest(
  "a terminal gets the colours of a result, and nothing of it that moves the cursor",
  ["script"],
  () =>
    withCache(async (env, dir) => {
      const ran = onTerminal(program, ["gaudy"], { columns: 80, env });
      assertEquals(await ran.code, 0);
      assert(
        ran.written().includes("\r\x1b[31mred\x1b[0m\r\n") ||
          ran.written().includes("\n\x1b[31mred\x1b[0m\r\n"),
        JSON.stringify(ran.written()),
      );
      const { stdout } = await runKedge(["gaudy"], { cacheDir: join(dir, "cache"), program });
      assertEquals(stdout, "\x1b[2J\x1b[31mred\x1b[0m\x1b]0;title\x07\n");
    }),
);

for (const columns of [20, 40, 100]) {
  realTest(
    `a terminal of ${columns} columns shows one line for each task`,
    ["script"],
    () =>
      withCache(async (env) => {
        const ran = onTerminal(program, ["several", "--jobs", "3"], { columns, env });
        assertEquals(await ran.code, 0);
        const { screen, moving } = play(ran.written(), columns);
        for (const rows of moving) {
          assert(rows.length <= 3, rows.join("\n"));
          for (const row of rows) assertMatch(row, spinner);
        }
        assert(
          moving.some((rows) => rows.length === 3),
          "the three tasks were never shown together",
        );
        assert(moving.some((rows) => rows.some((row) => /\d%/.test(row))), "no share was shown");
        assertEquals(moving.flat().some((row) => row.includes("█")), true);
        assert(screen.isCursorShown);
        assertEquals(screen.rows.filter((row) => spinner.test(row)), []);
        const said = screen.lines.filter((line) => line.includes(" says is "));
        assertEquals(said.map((line) => line.slice(line.indexOf("what"))).sort(), [
          "what a says is too long for a narrow terminal, and stays in one piece",
          "what b says is too long for a narrow terminal, and stays in one piece",
        ]);
        const table = screen.rows.slice(
          screen.rows.findIndex((row) => /^(task |naps: )/.test(row)),
        );
        assertEquals(table.some((row) => columnsOf(row) > columns), false);
        assertMatch(
          table.join("\n"),
          columns === 20 ? /^several: done$/m : /^several +done +\S+$/m,
        );
      }),
  );
}

realTest(
  "Ctrl-C under deno task leaves a clean terminal, and ends with 130",
  ["script"],
  () =>
    withCache(async (env, dir) => {
      const config = fromFileUrl(new URL("../../../deno.json", import.meta.url));
      const command = `deno run -A --config ${config} ${program} endless --jobs 3`;
      await Deno.writeTextFile(
        join(dir, "deno.json"),
        JSON.stringify({ tasks: { endless: command } }),
      );
      const ran = onTerminal(program, [], {
        columns: 60,
        env,
        cwd: dir,
        command: [Deno.execPath(), "task", "--quiet", "endless"],
      });
      await ran.until(/[⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏] waits/);
      await ran.type("\x03");
      assertEquals(await ran.code, 130);
      const { screen } = play(ran.written(), 60);
      assert(screen.isCursorShown);
      assertEquals(screen.rows.filter((row) => spinner.test(row.replace("^C", ""))), []);
      assertMatch(screen.lines.join("\n"), /^waits +stopped +\S+ +Stopped by SIGINT$/m);
      assertMatch(screen.lines.join("\n"), /^error: Stopped by SIGINT$/m);
    }),
);

realTest("a terminal shows a question with nothing that moves, and takes the answer", [
  "script",
], () =>
  withCache(async (env) => {
    const ran = onTerminal(program, ["asks"], { columns: 60, env });
    await ran.until(/Really wipe\? \[y\/N\] $/);
    await ran.type("y\n");
    assertEquals(await ran.code, 0);
    const { screen } = play(ran.written(), 60);
    assertEquals(screen.lines.filter((line) => line.includes("Really")), [
      "Really wipe? [y/N] y",
    ]);
    assert(screen.lines.includes("[wipes] wiped"));
  }));

realTest("a question that is not answered ends with its line, by Ctrl-C or the end of input", [
  "script",
], () =>
  withCache(async (env) => {
    for (const [key, code, last] of [["\x03", 130, "Stopped by SIGINT"], ["\x04", 1, "declined"]]) {
      const ran = onTerminal(program, ["asks"], { columns: 60, env });
      await ran.until(/Really wipe\? \[y\/N\] $/);
      await ran.type(key as string);
      assertEquals(await ran.code, code);
      const { screen } = play(ran.written(), 60);
      assert(screen.isCursorShown);
      assertMatch(screen.lines.join("\n"), /^Really wipe\? \[y\/N\](?: \^C)?$/m);
      assertMatch(screen.lines.join("\n"), new RegExp(`^error: .*${last}$`, "m"));
    }
  }));

realTest(
  "a second Ctrl-C ends at once what never ends, and gives the cursor back",
  ["script"],
  () =>
    withCache(async (env) => {
      const ran = onTerminal(program, ["hangs"], { columns: 60, env });
      await ran.until(/[⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏] hangs/);
      await ran.type("\x03");
      await ran.until(/told to stop/);
      // How much later the second comes than the first is what it is about: sooner, it is one with the first.
      await delay(320);
      await ran.type("\x03");
      assertEquals(await ran.code, 130);
      const { screen } = play(ran.written(), 60);
      assert(screen.isCursorShown);
      assertEquals(screen.rows.filter((row) => row.includes("hangs")), [
        "[hangs] ready",
        "[hangs] told to stop",
      ]);
    }),
);

Deno.test("a log tells every five seconds how far each store is, and what the slowest one needs", () => {
  const lines: string[] = [];
  let now = 0;
  const progress = new PlainProgress((line) => lines.push(line), () => now);
  const base = { operation: "1", kind: "publish", subject: "acme", task: "release" };
  const mib = 1024 * 1024;
  progress.report({ ...base, type: "operation-start", dryRun: false });
  for (const second of [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10]) {
    now = second * 1000;
    const parts = [
      { label: "http://fast", bytesMoved: Math.min(20, 10 * second) * mib, bytesToMove: 20 * mib },
      { label: "http://slow", bytesMoved: second * mib, bytesToMove: 20 * mib },
    ];
    const bytesMoved = parts.reduce((sum, part) => sum + part.bytesMoved, 0);
    const whole = { bytesMoved, bytesReused: 0, bytesToMove: 40 * mib, requests: 0 };
    progress.report({ ...base, type: "progress", phase: "move", ...whole, parts });
  }
  assertEquals(lines, [
    "[release] move: 25 MiB of 40 MiB, 15s left (http://fast 20 MiB of 20 MiB, http://slow 5 MiB of 20 MiB)",
    "[release] move: 30 MiB of 40 MiB, 10s left (http://fast 20 MiB of 20 MiB, http://slow 10 MiB of 20 MiB)",
  ]);
});

Deno.test("a log takes the time that is left from who knows it better, also where nothing moves", () => {
  const lines: string[] = [];
  let now = 0;
  const progress = new PlainProgress((line) => lines.push(line), () => now);
  const base = { operation: "1", kind: "disk", subject: "vm.img", task: "push" };
  progress.report({ ...base, type: "operation-start", dryRun: false });
  const tell = (second: number, phase: "plan" | "move", toMove: number, leftMs: number) => {
    now = second * 1000;
    const bytes = { bytesMoved: toMove / 2, bytesReused: 0, bytesToMove: toMove, requests: 0 };
    progress.report({ ...base, type: "progress", phase, ...bytes, leftMs });
  };
  tell(0, "plan", 0, 9000);
  tell(5, "plan", 0, 4000);
  tell(10, "plan", 0, 0);
  tell(15, "move", 4096, Infinity);
  tell(20, "move", 4096, 7000);
  assertEquals(lines, [
    "[push] plan: 4s left",
    "[push] move: 2 KiB of 4 KiB",
    "[push] move: 2 KiB of 4 KiB, 7s left",
  ]);
});

Deno.test("liveLine() shows what there is room for, and never more", () => {
  const task = {
    name: "kexec",
    elapsedMs: 2000,
    bytesMoved: 1024 * 1024,
    bytesToMove: 4 * 1024 * 1024,
    movingMs: 1500,
  };
  assertEquals(
    liveLine(task, 80),
    "⠋ kexec  █████░░░░░░░░░░░░░░░░░░   25%  1 MiB of 4 MiB  683 KiB/s  5s left  2.0s",
  );
  assertEquals(liveLine(task, 50), "⠋ kexec   25%  1 MiB of 4 MiB  683 KiB/s  5s left");
  const young = { ...task, movingMs: 500 };
  assertEquals(liveLine(young, 60), "⠋ kexec  ███░░░░░░░░░░░   25%  1 MiB of 4 MiB  2 MiB/s  2.0s");
  const slow = { ...task, bytesMoved: 4096, bytesToMove: 1024 * 1024, movingMs: 2000 };
  assertEquals(
    liveLine(slow, 62),
    "⠋ kexec    0%  4 KiB of 1 MiB  2 KiB/s  8m 30s left  2.0s",
  );
  assertEquals(liveLine(task, 20), "⠋ kexec  █░░░░   25%");
  assertEquals(liveLine(task, 5), "⠋ ke…");
  assertEquals(liveLine({ ...task, bytesToMove: 0 }, 40), "⠋ kexec  2.0s");
  const known = { ...task, leftMs: 90_000 };
  assertEquals(liveLine(known, 54), "⠋ kexec   25%  1 MiB of 4 MiB  683 KiB/s  1m 30s left");
  assertEquals(liveLine({ ...known, bytesToMove: 0 }, 40), "⠋ kexec  1m 30s left  2.0s");
  assertEquals(
    liveLine({ ...task, bytesToMove: Infinity }, 40),
    "⠋ kexec  1 MiB  683 KiB/s  2.0s",
  );
  const mib = 1024 * 1024;
  const parts = [
    { label: "http://a", bytesMoved: 2 * mib, bytesToMove: 2 * mib },
    { label: "http://\x1bb", bytesMoved: mib / 2, bytesToMove: 2 * mib },
  ];
  assertEquals(
    liveLine({ ...task, parts }, 90),
    "⠋ kexec   25%  1 MiB of 4 MiB  683 KiB/s  5s left  2.0s  http://a 100%  http://\\x1bb 25%",
  );
  for (let columns = 2; columns < 120; columns++) {
    assert(columnsOf(liveLine({ ...task, name: "日本語 task" }, columns)) <= columns);
  }
});

Deno.test("cutToColumns() counts columns, not letters", () => {
  assertEquals(cutToColumns("abc", 3), "abc");
  assertEquals(cutToColumns("abcd", 3), "ab…");
  assertEquals(cutToColumns("日本語", 6), "日本語");
  assertEquals(cutToColumns("日本語", 5), "日本…");
  assertEquals(cutToColumns("e\u0301tude", 3), "e\u0301t…");
  assertEquals(cutToColumns("abc", 1), "");
});
