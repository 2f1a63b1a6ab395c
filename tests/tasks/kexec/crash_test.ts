import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { delay } from "@std/async";
import { fromFileUrl, join } from "@std/path";
import { sha256 } from "../../../lib/base/digest.ts";
import { readControl } from "../../../lib/http/control_file.ts";
import type { Extent } from "../../../lib/http/extents.ts";
import { bundleBytes } from "../../support/bundle.ts";
import { type Origin, startOrigin } from "../../support/origin.ts";
import { type ProgramResult, runKedge, spawnKedge } from "../../support/program.ts";
import { treeOf } from "../../support/tree.ts";
import { mountSmallDisk } from "../../support/small_disk.ts";
import { realTest } from "../../support/real.ts";

const mebibyte = 1024 * 1024;
const program = fromFileUrl(new URL("../../../mod.ts", import.meta.url));
const body = bundleBytes({ size: 40 * mebibyte });
const digest = sha256(body);

async function withOrigin(test: (origin: Origin, cacheDir: string) => Promise<void>) {
  const folder = await Deno.makeTempDir({ prefix: "kedge-crash-" });
  await using origin = startOrigin({ "/k.tar.gz": { body, bytesPerSecond: 6 * mebibyte } });
  try {
    await test(origin, join(folder, "cache"));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** Never answers whoever asks for the last bytes, until the same command goes on: a run cannot end before it is killed. */
function holdEnd(origin: Origin): void {
  origin.files.get("/k.tar.gz")!.before = ({ headers }) =>
    headers.get("range")?.endsWith(`-${body.length - 1}`) ? new Promise(() => {}) : undefined;
}

async function sent(origin: Origin, bytes: number): Promise<void> {
  const deadline = Date.now() + 300_000;
  while (origin.sentBytes < bytes && Date.now() < deadline) {
    await delay(5);
  }
  assert(origin.sentBytes >= bytes, `the origin sent ${origin.sentBytes} of ${bytes} bytes`);
}

function sum(extents: readonly Extent[]): number {
  return extents.reduce((total, { start, end }) => total + end - start, 0);
}

/** What the control file of the one download says is durable; all of it once the download was committed. */
async function durable(cacheDir: string): Promise<Extent[]> {
  const partials = await names(join(cacheDir, "partials-v1"));
  assert(partials.length <= 1, partials.join());
  if (partials.length === 0) {
    const [blob] = [...await treeOf(join(cacheDir, "blobs-v1"))].filter(([path]) =>
      !path.endsWith("/")
    );
    return blob === undefined ? [] : [{ start: 0, end: body.length }];
  }
  const folder = join(cacheDir, "partials-v1", partials[0]!);
  const text = await Deno.readTextFile(join(folder, "control.json")).catch((error) => {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  });
  if (text === undefined) return [];
  return (await readControl(folder, JSON.parse(text).source))?.done ?? [];
}

async function names(folder: string): Promise<string[]> {
  try {
    return (await Array.fromAsync(Deno.readDir(folder))).map(({ name }) => name);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  }
}

/** Waits until so many bytes are durable. */
async function kept(cacheDir: string, bytes: number): Promise<void> {
  const deadline = Date.now() + 300_000;
  while (sum(await durable(cacheDir)) < bytes) {
    assert(Date.now() < deadline, `fewer than ${bytes} bytes became durable`);
    await delay(5);
  }
}

/** Reads what a program prints until it says that it moved so many bytes; gives what it said last. */
async function reported(stdout: ReadableStream<string>, bytes: number): Promise<number> {
  let text = "";
  let moved = 0;
  for await (const piece of stdout.values({ preventCancel: true })) {
    text += piece;
    moved = Number([...text.matchAll(/"bytesMoved":(\d+),/g)].at(-1)?.[1] ?? 0);
    if (moved >= bytes) break;
  }
  return moved;
}

/** The same command goes on: it takes all that was durable, asks for no byte of it again, and ends with the right bytes. */
async function assertGoesOn(
  origin: Origin,
  cacheDir: string,
  run: () => Promise<ProgramResult>,
): Promise<void> {
  const before = await durable(cacheDir);
  const asked = origin.requests.length;
  const file = origin.files.get("/k.tar.gz")!;
  file.bytesPerSecond = 1e9;
  delete file.before;
  const { code, stdout, stderr } = await run();
  assertEquals(code, 0, stderr);
  const { value } = JSON.parse(stdout.trim().split("\n").at(-1)!);
  assertEquals(value.digest, digest);
  assertEquals(value.bytesReused, sum(before));
  assertEquals(value.bytesMoved, body.length - sum(before));
  assertEquals(await Deno.readFile(value.path), body);
  for (const { headers } of origin.requests.slice(asked)) {
    const [, first, last] = /^bytes=(\d+)-(\d+)$/.exec(headers.get("range") ?? "")!;
    const again = before.filter(({ start, end }) => start <= Number(last) && Number(first) < end);
    assertEquals(again, [], `${first}-${last}`);
  }
  assertEquals(await treeOf(join(cacheDir, "partials-v1")), new Map([["/", ""]]));
}

/** Nothing under a final name but what is whole. */
async function assertWhole(cacheDir: string): Promise<void> {
  for (const bucket of ["blobs-v1", "files-v1"]) {
    for (const [path, contents] of await treeOf(join(cacheDir, bucket))) {
      if (!path.endsWith("/")) assertEquals(contents, digest, path);
    }
  }
}

for (const share of [0.1, 0.5, 0.9]) {
  Deno.test(`kexec killed at ${share * 100} % goes on where it stopped`, () =>
    withOrigin(async (origin, cacheDir) => {
      holdEnd(origin);
      const args = ["kexec", "--url", origin.url("/k.tar.gz"), "--json"];
      const child = spawnKedge(args, { cacheDir });
      // What it tells is read from the start: a full pipe would stop it.
      const ended = child.output();
      await sent(origin, body.length * share);
      await kept(cacheDir, body.length * share - 18 * mebibyte);
      child.kill("SIGKILL");
      await ended;
      await assertWhole(cacheDir);
      await assertGoesOn(origin, cacheDir, () => runKedge(args, { cacheDir }));
    }));
}

Deno.test("kexec of two processes at once brings the bytes once", () =>
  withOrigin(async (origin, cacheDir) => {
    // The first gets no further than its first answers before the other says how far it is.
    const { promise: told, resolve: tell } = Promise.withResolvers<void>();
    let asked = 0;
    origin.files.get("/k.tar.gz")!.before = () => ++asked > 2 ? told : undefined;
    const args = ["kexec", "--url", origin.url("/k.tar.gz")];
    const results = await Promise.all([1, 2].map(async () => {
      const child = spawnKedge(args, { cacheDir });
      const out = new Response(child.stdout).text();
      let stderr = "";
      for await (const piece of child.stderr.pipeThrough(new TextDecoderStream())) {
        stderr += piece;
        if (stderr.includes("the other process has")) tell();
      }
      return { code: (await child.status).code, stdout: await out, stderr };
    }));
    for (const { code, stdout, stderr } of results) {
      assertEquals(code, 0, stderr);
      assertEquals(await Deno.readFile(stdout.trim()), body);
    }
    assertEquals(origin.sentBytes, body.length);
    const follower = results.find(({ stderr }) => stderr.includes("another process"));
    assertStringIncludes(follower!.stderr, "the other process has");
  }));

Deno.test("kexec takes over what was durable when the process that it waits for is killed", () =>
  withOrigin(async (origin, cacheDir) => {
    origin.files.get("/k.tar.gz")!.bytesPerSecond = mebibyte / 4;
    holdEnd(origin);
    const args = ["kexec", "--url", origin.url("/k.tar.gz"), "--json"];
    const leader = spawnKedge(args, { cacheDir });
    const leaderEnded = leader.output();
    await kept(cacheDir, 3 * mebibyte);
    const follower = spawnKedge(args, { cacheDir });
    const said = follower.stdout.pipeThrough(new TextDecoderStream())[Symbol.asyncIterator]();
    let stdout = "";
    while (!stdout.includes("another process is fetching the same")) {
      const { value, done } = await said.next();
      assert(!done, stdout);
      stdout += value;
    }
    // It stands still until it is known what it will find.
    follower.kill("SIGSTOP");
    leader.kill("SIGKILL");
    await leaderEnded;
    assert(sum(await durable(cacheDir)) >= 3 * mebibyte);
    await assertGoesOn(origin, cacheDir, async () => {
      follower.kill("SIGCONT");
      for (let next = await said.next(); !next.done; next = await said.next()) stdout += next.value;
      const stderr = await new Response(follower.stderr).text();
      return { code: (await follower.status).code, stdout, stderr };
    });
  }));

Deno.test("kexec killed goes on later, though it may neither read /proc nor send signals", () =>
  withOrigin(async (origin, cacheDir) => {
    const run = () =>
      new Deno.Command(Deno.execPath(), {
        args: [
          "run",
          "--no-prompt",
          ...["--allow-read", "--allow-write", "--allow-net", "--allow-env"],
          program,
          ...["kexec", "--url", origin.url("/k.tar.gz"), "--cache-dir", cacheDir, "--json"],
        ],
        stdout: "piped",
        stderr: "piped",
      }).spawn();
    holdEnd(origin);
    const child = run();
    const ended = child.output();
    await sent(origin, body.length * 0.5);
    await kept(cacheDir, body.length * 0.5 - 18 * mebibyte);
    child.kill("SIGKILL");
    await ended;
    await assertGoesOn(origin, cacheDir, async () => {
      const { code, stdout, stderr } = await run().output();
      const decoder = new TextDecoder();
      return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
    });
  }));

Deno.test("kexec stopped by SIGINT ends with 130 and goes on later", () =>
  withOrigin(async (origin, cacheDir) => {
    holdEnd(origin);
    const args = ["kexec", "--url", origin.url("/k.tar.gz"), "--json"];
    const child = spawnKedge(args, { cacheDir });
    const stdout = child.stdout.pipeThrough(new TextDecoderStream());
    const moved = await reported(stdout, body.length * 0.5);
    child.kill("SIGINT");
    await Promise.all([Array.fromAsync(stdout), Array.fromAsync(child.stderr)]);
    assertEquals((await child.status).code, 130);
    await assertWhole(cacheDir);
    assert(moved >= body.length * 0.5, `${moved} bytes came`);
    assert(sum(await durable(cacheDir)) >= moved, "bytes that came before the stop are lost");
    await assertGoesOn(origin, cacheDir, () => runKedge(args, { cacheDir }));
  }));

for (
  const [what, args, code] of [
    ["a wrong digest", (url: string) => ["--url", url, "--sha256", "0".repeat(64)], 3],
    ["a digest that is none", (url: string) => ["--url", url, "--sha256", "zz"], 2],
    ["what is not there", (url: string) => ["--url", `${url}.zip`], 1],
    ["what may not be read", (url: string) => ["--url", url.replace("k.", "locked.")], 5],
    ["an unknown flag", () => ["--nope"], 2],
    ["offline and not there", (url: string) => ["--url", url, "--offline"], 4],
  ] as [string, (url: string) => string[], number][]
) {
  Deno.test(`kexec of ${what} ends with code ${code} and leaves no blob`, () =>
    withOrigin(async (origin, cacheDir) => {
      origin.files.set("/k.tar.gz", { body: bundleBytes() });
      origin.files.set("/locked.tar.gz", { body, authorization: "Bearer x" });
      const result = await runKedge(["kexec", ...args(origin.url("/k.tar.gz"))], { cacheDir });
      assertEquals(result.code, code, result.stderr);
      assertEquals(result.stdout, "");
      assertEquals(await treeOf(join(cacheDir, "blobs-v1")), new Map());
    }));
}

realTest(
  "kexec finds a disk without room before it begins",
  ["root"],
  () =>
    withOrigin(async (origin, cacheDir) => {
      await Deno.mkdir(cacheDir, { recursive: true });
      {
        await using _disk = await mountSmallDisk(cacheDir, 20 * mebibyte);
        const url = origin.url("/k.tar.gz");
        const result = await runKedge(["kexec", "--url", url], { cacheDir });
        assertEquals(result.code, 8, result.stderr);
        assertStringIncludes(result.stderr, "free");
        assert(origin.sentBytes < 9 * mebibyte);
        const foreseen = await runKedge(["kexec", "--url", url, "--dry-run"], { cacheDir });
        assertEquals(foreseen.code, 8);

        origin.files.set("/small.tar.gz", {
          body: bundleBytes({ size: 30 * mebibyte }),
          ranges: "ignore",
          faults: [{ withoutLength: true }],
        });
        const surprised = await runKedge(["kexec", "--url", origin.url("/small.tar.gz")], {
          cacheDir,
        });
        assertEquals(surprised.code, 8, surprised.stderr);
        assertEquals(await treeOf(join(cacheDir, "blobs-v1")), new Map());
      }
    }),
);
