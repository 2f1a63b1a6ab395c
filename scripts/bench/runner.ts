// deno-lint-ignore-file no-console -- a script speaks to a terminal
/**
 * The runner: what a list, a task that does nothing, one that finds its work done and large graphs cost, beside an empty `deno run`,
 * just, `deno task` and zx.
 *
 * @module
 */
import { fromFileUrl, join } from "@std/path";
import { toFileUrl } from "@std/path/to-file-url";
import { makeBundle } from "../../tests/support/bundle.ts";
import { randomBytes, writeImage } from "../../tests/support/layout.ts";
import { median } from "./median.ts";

const root = fromFileUrl(new URL("../../", import.meta.url));
const config = join(root, "deno.json");
const rounds = 15;

/** Prints the tables of the starts and of the graphs. */
export async function bench(): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "kedge-bench-" });
  try {
    await starts(folder);
    await graphs(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

async function starts(folder: string): Promise<void> {
  const [empty, tasks, runnerAlone] = ["empty.ts", "tasks.ts", "runner.ts"]
    .map((name) => join(folder, name)) as [string, string, string];
  await Deno.writeTextFile(empty, "");
  await Deno.writeTextFile(tasks, taskFile(join(root, "mod.ts"), join(root, "mod.ts")));
  await Deno.writeTextFile(
    runnerAlone,
    taskFile(join(root, "lib/report/main.ts"), join(root, "lib/runner/task.ts")),
  );
  await Deno.writeTextFile(join(folder, "justfile"), "noop:\n\t@true\n");
  await Deno.writeTextFile(join(folder, "deno.json"), '{"tasks":{"noop":"true"}}');
  await Deno.writeTextFile(join(folder, "noop.mjs"), "#!/usr/bin/env zx\n");
  const peers = await installPeers(folder);
  const deno = [Deno.execPath(), "run", "-A", "--config", config];
  const eager = [Deno.execPath(), "run", "-A", "--config", await eagerConfig(folder)];
  const cli = join(root, "tasks/builtin/cli.ts");
  const program = [...deno, cli, "--quiet"];
  const { kexec, image } = await doneWork(program, folder);
  const rows: Record<string, string[]> = {
    "empty `deno run`": [Deno.execPath(), "run", "-A", empty],
    "kedge: the built-in `--list`": [...deno, cli, "--list"],
    "kedge: `--list` of a task file": [...deno, tasks, "--list"],
    "kedge: a task that does nothing": [...deno, tasks, "noop"],
    "kedge: the same, the runner alone imported": [...deno, runnerAlone, "noop"],
    "kedge: the built-in `--list`, without lazy-dynamic-imports": [
      ...eager,
      cli,
      "--list",
    ],
    "kedge: a task that does nothing, without them": [...eager, tasks, "noop"],
    "kedge: a kexec bundle that is cached": kexec,
    "kedge: an image that is unchanged, between layouts": image,
    "`deno task`": [Deno.execPath(), "task", "--quiet", "noop"],
    ...(peers === undefined ? {} : {
      "just: list": [peers.just, "--list"],
      "just: a recipe that does nothing": [peers.just, "noop"],
      "zx: an empty script": ["node", peers.zx, "noop.mjs"],
    }),
  };
  const times = new Map<string, number[]>(Object.keys(rows).map((name) => [name, []]));
  for (let round = 0; round < rounds; round++) {
    for (const [name, command] of Object.entries(rows).sort(() => Math.random() - 0.5)) {
      times.get(name)!.push(await timeMs(command, folder));
    }
  }
  const base = median(times.get("empty `deno run`")!);
  console.log(`| start, median of ${rounds} | ms | of an empty \`deno run\` |`);
  console.log("|---|---|---|");
  for (const [name, each] of times) {
    const ms = median(each);
    console.log(`| ${name} | ${ms.toFixed(1)} | ${(ms / base).toFixed(2)} |`);
  }
  if (peers === undefined) console.log("just and zx are not here: npm could not install them");
}

/** The configuration of this checkout, but with every late import read at the start, as Deno does by itself. */
async function eagerConfig(folder: string): Promise<string> {
  const { imports } = JSON.parse(await Deno.readTextFile(config));
  const absolute = Object.entries<string>(imports).map((
    [name, target],
  ) => [name, target.startsWith(".") ? new URL(target, toFileUrl(config)).href : target]);
  const path = join(folder, "eager.json");
  await Deno.writeTextFile(path, JSON.stringify({ imports: Object.fromEntries(absolute) }));
  return path;
}

/** Commands whose work is done already: nobody is asked by them. */
async function doneWork(
  program: readonly string[],
  folder: string,
): Promise<{ kexec: string[]; image: string[] }> {
  await makeBundle(join(folder, "b.tar.gz"), { size: 1_000_000 });
  const body = await Deno.readFile(join(folder, "b.tar.gz"));
  await using server = Deno.serve({ port: 0, onListen() {} }, () => new Response(body));
  const kexec = [...program, "kexec", "--url", `http://127.0.0.1:${server.addr.port}/b.tar.gz`];
  await writeImage(join(folder, "image"), "v1", { layers: [randomBytes(100_000)] });
  const image = [...program, "image:sync", "oci:image:v1", "oci:copy:v1"];
  for (const command of [kexec, image]) await timeMs(command, folder);
  return { kexec, image };
}

/** Graphs of tasks that do nothing: what they add to a single one, in a process of their own. */
async function graphs(folder: string): Promise<void> {
  const file = join(folder, "graph.ts");
  await Deno.writeTextFile(
    file,
    `import { main } from ${JSON.stringify(join(root, "lib/report/main.ts"))};
import { task } from ${JSON.stringify(join(root, "lib/runner/task.ts"))};
const [count, shape, ...args] = Deno.args;
const all = [];
const make = (name, deps) => task({ name, description: "Nothing", deps, run: () => {} });
for (let i = 0; i < Number(count); i++) {
  const before = shape === "chain" ? all.slice(-1) : shape === "layers" ? all.slice(-10 - i % 10, -(i % 10) || undefined) : [];
  all.push(make("t" + i, Object.fromEntries(before.map((each, n) => ["d" + n, each]))));
}
const top = make("top", Object.fromEntries(all.map((each) => [each.name, each])));
await main({ top }, { args: ["top", "--quiet", "--dry-run", ...args] });
`,
  );
  const deno = [Deno.execPath(), "run", "-A", "--no-check", "--config", config, file];
  console.log("\n| graph of tasks that do nothing, median of 7 | 1 | 1,000 | 2,000 | 4,000 |");
  console.log("|---|---|---|---|---|");
  for (const shape of ["wide", "layers"]) {
    const cells: string[] = [];
    for (const count of [1, 1000, 2000, 4000]) {
      const each: number[] = [];
      for (let round = 0; round < 7; round++) {
        each.push(await timeMs([...deno, String(count), shape], folder));
      }
      cells.push(`${median(each).toFixed(0)} ms`);
    }
    console.log(`| ${shape} | ${cells.join(" | ")} |`);
  }
}

function taskFile(mainModule: string, taskModule: string): string {
  return `import { main } from ${JSON.stringify(mainModule)};
import { task } from ${JSON.stringify(taskModule)};
const noop = task({ name: "noop", description: "Nothing", run: () => {} });
if (import.meta.main) await main({ noop });
`;
}

async function timeMs(command: readonly string[], cwd: string): Promise<number> {
  const [program, ...args] = command;
  const started = performance.now();
  const { success, stderr } = await new Deno.Command(program!, {
    args,
    cwd,
    env: { KEDGE_CACHE_DIR: join(cwd, "cache"), NO_COLOR: "1" },
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  }).output();
  const ms = performance.now() - started;
  if (!success) throw new Error(`${command.join(" ")}: ${new TextDecoder().decode(stderr)}`);
  return ms;
}

async function installPeers(folder: string): Promise<{ just: string; zx: string } | undefined> {
  try {
    const { success } = await new Deno.Command("npm", {
      args: ["install", "--no-audit", "--no-fund", "--prefix", folder, "rust-just", "zx"],
      stdout: "null",
      stderr: "null",
    }).output();
    if (!success) return undefined;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
  const platform = `${Deno.build.os}-${Deno.build.arch === "aarch64" ? "arm64" : "x64"}`;
  return {
    just: join(folder, "node_modules", `rust-just-${platform}`, "bin", "just"),
    zx: join(folder, "node_modules", "zx", "build", "cli.js"),
  };
}
