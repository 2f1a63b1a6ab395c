// deno-lint-ignore-file no-console -- a script speaks to a terminal
/**
 * The three jobs end to end in a temporary project, with all that they talk to embedded: an HTTP origin, an OCI layout, a file
 * binary cache and a SQLite catalog. Nothing is installed, nothing is left behind.
 *
 * @module
 */
import { join } from "@std/path";
import { toFileUrl } from "@std/path/to-file-url";
import { formatBytes } from "../lib/base/bytes.ts";
import { formatDuration } from "../lib/base/duration.ts";
import { SqliteCatalog } from "../lib/catalog/sqlite_catalog.ts";
import { Journal } from "../lib/journal/journal.ts";
import { bundleBytes } from "../tests/support/bundle.ts";
import { randomBytes, writeImage } from "../tests/support/layout.ts";
import { configFile, taskFile, writePackage, writeProject } from "./demo/project.ts";
import { serveDyingStore, serveFile } from "./demo/servers.ts";

const bundleName = "nixos-kexec-installer-noninteractive-x86_64-linux.tar.gz";
const mebibyte = 1024 * 1024;

interface Row {
  step: string;
  moved: string;
  reused: string;
  why: string;
}

async function main(): Promise<void> {
  const began = performance.now();
  const folder = await Deno.realPath(await Deno.makeTempDir({ prefix: "kedge-demo-" }));
  const cacheDir = join(folder, "cache");
  try {
    await using origin = serveFile(bundleBytes({ size: 64 * mebibyte }));
    const bundleUrl = `${origin.url}/${bundleName}`;
    const kedge = new URL("..", import.meta.url).pathname.replace(/\/$/, "");
    await writeProject({ folder, kedge, bundleUrl });
    await writeUpstream(folder, 1);

    title("The project");
    show("tasks.ts", taskFile(bundleUrl, folder));
    show("deno.json", configFile(kedge));

    const rows: Row[] = [];
    const deploy = async (name: string, ...args: string[]) => {
      const code = await denoTask(folder, cacheDir, args.length > 0 ? args : ["deploy"]);
      rows.push(...rowsOfLatestRun(name, cacheDir));
      return code;
    };

    title("deno task deploy: everything moves, once");
    await expectCode(0, deploy("1st run"));

    title("deno task deploy again: nothing moves");
    await expectCode(0, deploy("2nd run"));

    title("Version 2 of the image: only the changed layer moves");
    await writeUpstream(folder, 2);
    await expectCode(0, deploy("image v2"));

    title("A store that dies midway: nothing reaches the catalog");
    await using store = serveDyingStore(2);
    await writePackage(folder, "2.0.0");
    const file = toFileUrl(join(folder, "store")).href;
    const to = ["--version", "2.0.0", "--store", file, "--store", store.url];
    await expectCode(6, deploy("dying store", "release", ...to));
    console.log(
      `\nThe second store took ${store.files.join(", ")} and then died. The catalog holds:`,
    );
    for (const line of await catalogLines(join(folder, "catalog.db"))) console.log(`  ${line}`);

    title("What moved");
    printTable(rows);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
  console.log(`\nThe demo took ${formatDuration(performance.now() - began)}.`);
}

/** The image that the project follows: four layers, of which version 2 changes one. */
async function writeUpstream(folder: string, version: number): Promise<void> {
  const layers = [16 * mebibyte, 8 * mebibyte, 4 * mebibyte].map((size, seed) =>
    randomBytes(size, seed)
  );
  const layout = join(folder, "upstream");
  await writeImage(layout, "latest", { layers: [...layers, randomBytes(mebibyte, 100 + version)] });
}

async function denoTask(folder: string, cacheDir: string, args: string[]): Promise<number> {
  const [task = "", ...rest] = args;
  console.log(`$ deno task ${args.join(" ")}`);
  const { code } = await new Deno.Command(Deno.execPath(), {
    args: ["task", "--quiet", task, ...rest],
    cwd: folder,
    env: { KEDGE_CACHE_DIR: cacheDir },
    stdin: "null",
    stdout: "inherit",
    stderr: "inherit",
  }).output();
  return code;
}

async function expectCode(expected: number, actual: Promise<number>): Promise<void> {
  const code = await actual;
  if (code !== expected) throw new Error(`The run ended with code ${code} instead of ${expected}`);
  if (code !== 0) console.log(`It ended with code ${code}.`);
}

/** The figures of the latest run, as the journal in the cache folder has them. */
function rowsOfLatestRun(name: string, cacheDir: string): Row[] {
  using journal = new Journal({ path: join(cacheDir, "journal-v1.db") });
  const [run] = journal.runs(1);
  if (run === undefined) throw new Error("The journal holds no run");
  return journal.operations(run.id).map(({ kind, figures, error }) => ({
    step: `${name}: ${kind}`,
    moved: figures === null ? "-" : formatBytes(Number(figures["bytesMoved"])),
    reused: figures === null ? "-" : formatBytes(Number(figures["bytesReused"])),
    why: String(figures?.["why"] ?? error?.["message"] ?? ""),
  }));
}

/** The entries of the catalog, one line each. */
async function catalogLines(path: string): Promise<string[]> {
  await using catalog = new SqliteCatalog({ path });
  const entries = await catalog.list();
  return entries.map(({ name, version, system }) => `${name} ${version} for ${system}`);
}

function title(text: string): void {
  console.log(`\n── ${text} ${"─".repeat(Math.max(0, 76 - text.length))}\n`);
}

function show(name: string, text: string): void {
  console.log(`${name}\n${text.trimEnd().replace(/^/gm, "  ")}\n`);
}

function printTable(rows: readonly Row[]): void {
  const width = Math.max(...rows.map(({ step }) => step.length));
  console.log(`${"step".padEnd(width)}  ${"moved".padStart(9)}  ${"reused".padStart(9)}  why`);
  for (const { step, moved, reused, why } of rows) {
    console.log(`${step.padEnd(width)}  ${moved.padStart(9)}  ${reused.padStart(9)}  ${why}`);
  }
}

await main();
