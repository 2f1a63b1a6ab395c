import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { delay } from "@std/async";
import { arg } from "../../../lib/runner/arg_builder.ts";
import { task } from "../../../lib/runner/task.ts";
import { description, errorOf, runTasks, valueOf } from "./run_tasks.ts";
import { freePort } from "../../support/free_port.ts";

Deno.test("needs: everything that is missing is told before anything starts", async () => {
  let ran = false;
  const dep = task({
    name: "dep",
    description,
    needs: [{ tool: "kedge-no-such-tool", hint: "install it" }, { env: "KEDGE_NO_SUCH" }],
    run: () => void (ran = true),
  });
  const top = task({
    name: "top",
    description,
    deps: { dep },
    needs: [{ file: "no-such-file" }, { freeBytes: 2 ** 60 }, { tool: "sh" }],
    run: () => {},
  });
  const env = (name: string) =>
    ({ PATH: Deno.env.get("PATH"), KEDGE_CACHE_DIR: "/tmp/kedge-none" } as Record<string, string>)[
      name
    ];
  const result = await runTasks([top], ["top"], { env });
  assertEquals([result.exitCode, ran, result.events], [2, false, []]);
  const { message, hint } = errorOf(result);
  assertStringIncludes(message, `"dep": the program "kedge-no-such-tool" is not installed`);
  assertStringIncludes(message, `"dep": the variable KEDGE_NO_SUCH is not set`);
  assertStringIncludes(message, `"top": "no-such-file" is not there`);
  assertStringIncludes(message, `"top": only `);
  assertEquals(hint, "install it");
});

Deno.test("needs: a tool's version and a host are asked for", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const tool = Deno.execPath();
  const one = (needs: Parameters<typeof task>[0]["needs"]) =>
    runTasks([task({ name: "a", description, needs: needs ?? [], run: () => {} })], ["a"]);
  const host = `127.0.0.1:${listener.addr.port}`;
  assertEquals((await one([{ tool, version: ">=2.0 <100" }, { host }])).exitCode, 0);
  assertStringIncludes(errorOf(await one([{ tool, version: ">=100" }])).message, ">=100 is needed");
  const silent = `127.0.0.1:${await freePort()}`;
  const refused = await one([{ host: silent }]);
  assertStringIncludes(errorOf(refused).message, `the host "${silent}" cannot be reached`);
});

Deno.test("confirm: nothing starts unless it is confirmed", async () => {
  const asked: string[] = [];
  const wipe = task({
    name: "wipe",
    description,
    args: { disk: arg.string({ description, default: "sda" }) },
    confirm: (args) => `Wipe ${args.disk}?`,
    run: () => "wiped",
  });
  const top = task({ name: "top", description, deps: { wipe }, run: ({ deps }) => deps.wipe });
  const confirm = (answer: boolean | undefined) => ({
    confirm: (question: string) => {
      asked.push(question);
      return Promise.resolve(answer);
    },
  });
  assertEquals(valueOf(await runTasks([top], ["top"], confirm(true))), "wiped");
  for (const [answer, state] of [[false, "it was declined"], [undefined, "nobody confirmed it"]]) {
    const result = await runTasks([top], ["top"], confirm(answer as boolean | undefined));
    assertEquals([result.exitCode, result.events], [1, []]);
    assertStringIncludes(errorOf(result).message, state as string);
  }
  assertEquals(asked, ["Wipe sda?", "Wipe sda?", "Wipe sda?"]);
  assertEquals(valueOf(await runTasks([top], ["top", "--yes"], confirm(false))), "wiped");
  await runTasks([top], ["top", "--dry-run"], confirm(false));
  assertEquals(asked.length, 3);
});

Deno.test("confirm: nobody is asked where there is nothing to ask", async () => {
  const wipe = task({
    name: "wipe",
    description,
    args: { real: arg.boolean({ description }) },
    confirm: ({ real }) => real ? "Wipe?" : undefined,
    run: () => "done",
  });
  const declined = { confirm: () => Promise.resolve(false) };
  assertEquals(valueOf(await runTasks([wipe], ["wipe"], declined)), "done");
  assertEquals((await runTasks([wipe], ["wipe", "--real"], declined)).exitCode, 1);
});

Deno.test("confirm: what is no question is not asked, and nothing starts", async () => {
  let asked = false;
  let ran = false;
  for (const odd of [() => Promise.resolve("Wipe?"), () => null, () => true]) {
    const confirm = odd as unknown as () => string;
    const wipe = task({ name: "wipe", description, confirm, run: () => void (ran = true) });
    const result = await runTasks([wipe], ["wipe"], {
      confirm: () => Promise.resolve(asked = true),
    });
    assertEquals([result.exitCode, asked, ran], [2, false, false]);
    assertEquals(errorOf(result).message, 'Cannot run "wipe": its confirm gave no text to ask');
  }
});

Deno.test("confirm: what runs a task from inside waits for the answer, whoever asked first", async () => {
  const log: string[] = [];
  const wipe = task({
    name: "wipe",
    description,
    confirm: () => "Wipe?",
    run: () => void log.push("wiped"),
  });
  const shred = task({
    name: "shred",
    description,
    confirm: () => "Shred?",
    run: () => void log.push("shredded"),
  });
  const first = task({ name: "first", description, run: (ctx) => ctx.run(wipe) });
  const second = task({ name: "second", description, run: (ctx) => ctx.run(wipe) });
  const third = task({ name: "third", description, run: (ctx) => ctx.run(shred) });
  const all = task({ name: "all", description, deps: { first, second, third }, run: () => {} });
  const ran = await runTasks([all], ["all", "--jobs", "3"], {
    confirm: async (question) => {
      log.push(question);
      await delay(20);
      log.push(`yes to ${question}`);
      return true;
    },
  });
  assertEquals(ran.exitCode, 0);
  const questions = log.filter((line) => line.endsWith("?"));
  assertEquals(questions, ["Wipe?", "yes to Wipe?", "Shred?", "yes to Shred?"]);
  assert(log.indexOf("yes to Wipe?") < log.indexOf("wiped"));
});

Deno.test("confirm: what was declined is not run by the next try of who wanted it", async () => {
  let [questions, wiped] = [0, 0];
  const wipe = task({
    name: "wipe",
    description,
    confirm: () => "Wipe?",
    run: () => void wiped++,
  });
  const top = task({
    name: "top",
    description,
    retry: { attempts: 3, delay: 1 },
    run: (ctx) => ctx.run(wipe),
  });
  const ran = await runTasks([top], ["top"], {
    confirm: () => Promise.resolve(++questions > 1),
  });
  assertEquals([ran.exitCode, questions, wiped], [1, 1, 0]);
  assertStringIncludes(errorOf(ran).message, "it was declined");
});
