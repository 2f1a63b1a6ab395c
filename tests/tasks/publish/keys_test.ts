/** Where signing keys may be, and that none of them shows. */
import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { walk } from "@std/fs";
import { join } from "@std/path";
import type { KedgeError } from "../../../lib/base/errors.ts";
import { Cache } from "../../../lib/cache/cache.ts";
import { generateSigningKey } from "../../../lib/nix/signing_key.ts";
import { publish } from "../../../tasks/publish/publish.ts";
import { environment } from "../../support/environment.ts";
import { startNix } from "../../support/nix.ts";
import { plainGround } from "../../support/plain_paths.ts";
import { runKedge } from "../../support/program.ts";
import { realTest } from "../../support/real.ts";

/** A key whose base64 holds a plus, which a query turns into a blank, and two slashes, of which a path has one. */
async function oddKey(name: string): Promise<string> {
  for (;;) {
    const { secretText } = await generateSigningKey(name);
    if (/\+.*\/\//.test(secretText)) return secretText;
  }
}

realTest("publish() signs with keys of a file, a variable, a command and a store's URI at once", [
  "nix",
], async () => {
  await using world = await startNix();
  const built = await world.build([{ name: "leaf" }, { name: "top", needs: ["leaf"] }]);
  const keys = await Promise.all(
    ["file-1", "env-1", "command-1", "named-1", "listed-1"].map(generateSigningKey),
  );
  const [file, env, command, named, listed] = keys.map(({ secretText }) => secretText) as [
    string,
    string,
    string,
    string,
    string,
  ];
  const whole = await oddKey("whole-1");
  const put = async (name: string, text: string) => {
    await Deno.writeTextFile(join(world.dir, name), `${text}\n`, { mode: 0o600 });
    return join(world.dir, name);
  };
  using _environment = await environment({ KEDGE_TEST_SIGNING_KEY: env });
  const store = `file://${world.dir}/store`;
  await publish({
    name: "top",
    version: "1",
    paths: [built["top"]!],
    stores: [
      `${store}?secret-key=${await put("named", named)}&secret-key=${whole}&secret-keys=${await put(
        "listed",
        listed,
      )}`,
    ],
    catalog: `sqlite://${world.dir}/catalog.db`,
    signingKey: [
      { file: await put("file", file) },
      { env: "KEDGE_TEST_SIGNING_KEY" },
      { command: ["cat", await put("command", command)] },
      // The same as the store's own.
      { file: join(world.dir, "named") },
    ],
    nix: { env: world.env },
  }, { cache: new Cache(join(world.dir, "kedge-cache")) });
  // Nix says how many of its trusted keys signed each path: all six, and not one more.
  const trusted = [
    ...keys.map(({ publicText }) => publicText),
    `whole-1:${btoa(atob(whole.split(":")[1]!).slice(32))}`,
  ].join(" ");
  const verify = (needed: number) =>
    world.tryRun("nix", [
      ...["--extra-experimental-features", "nix-command", "store", "verify", "--refresh"],
      ...["--recursive", "--store", store, "--sigs-needed", String(needed), built["top"]!],
      ...["--option", "trusted-public-keys", trusted],
    ]);
  for await (const { name } of Deno.readDir(join(world.dir, "store"))) {
    if (!name.endsWith(".narinfo")) continue;
    const text = await Deno.readTextFile(join(world.dir, "store", name));
    assertEquals(text.match(/^Sig: /gm)?.length, 6, text);
  }
  assertEquals((await verify(6)).code, 0);
  assertEquals((await verify(7)).code, 2);
});

Deno.test("a key in a store's URI shows nowhere: not in output, journal, cache, catalog or store", async () => {
  await using ground = await plainGround(2);
  const { dir } = ground;
  const key = await oddKey("uri-1");
  const half = key.split(":")[1]!;
  const file = join(dir, "key-file");
  await Deno.writeTextFile(file, await oddKey("filed-1"));
  const cacheDir = join(dir, "cache");
  const blocked = join(dir, "blocked");
  await Deno.mkdir(blocked);
  await Deno.writeTextFile(join(blocked, "nar"), "no folder");
  const command = (store: string, ...more: string[]) => [
    ...["publish", ...ground.options.paths, "--to", store, "--name", "plain", "--version", "1"],
    ...["--catalog", `sqlite://${dir}/catalog.db`, ...more],
  ];
  const query = `?secret-key=${encodeURIComponent(key)}&secret-key=${file}`;
  const runs = [
    command(`file://${dir}/store${query}`, "--dry-run", "--json"),
    command(`file://${blocked}${query}`, "--verbose"),
    command(`file://${dir}/store${query}`, "--json", "--verbose"),
    command(`file://${dir}/store`, "--signing-key", key),
    command(`file://${dir}/store?secret-key=${key.slice(0, -10)}`),
    command(`file://${dir}/store?secret-key=${half}/x:${half}`, "--json"),
    ["runs"],
  ];
  const texts: string[] = [];
  const codes: number[] = [];
  for (const args of runs) {
    const { code, stdout, stderr } = await runKedge(args, { cacheDir, cwd: dir });
    codes.push(code);
    texts.push(stdout, stderr);
  }
  assertEquals(codes, [0, 6, 0, 2, 2, 2, 0], texts.join("\n"));
  const ids = texts.at(-2)!.split("\n").map((line) => line.split(" ")[0]!).filter(Boolean);
  // A dry run is not written down.
  assertEquals(ids.length, 5);
  for (const id of ids) {
    const { code, stdout, stderr } = await runKedge(["runs:show", id, "--json"], { cacheDir });
    assertEquals(code, 0);
    texts.push(stdout, stderr);
  }
  for (const folder of ["cache", "store"]) {
    for await (const { path } of walk(join(dir, folder), { includeDirs: false })) {
      texts.push(new TextDecoder("latin1").decode(await Deno.readFile(path)));
    }
  }
  texts.push(new TextDecoder("latin1").decode(await Deno.readFile(join(dir, "catalog.db"))));
  const part = half.slice(0, 16);
  const forms = [part, part.replaceAll("+", " "), encodeURIComponent(part)];
  for (const text of texts) {
    const form = forms.find((each) => text.includes(each));
    assertEquals(form, undefined, text.slice(0, 500));
  }
  const signed = texts.filter((text) => text.startsWith("StorePath: "));
  assertEquals(signed.length, 2);
  for (const text of signed) {
    assert(text.includes("\nSig: uri-1:") && text.includes("\nSig: filed-1:"), text);
  }
});

Deno.test("publish() refuses a key that stands where its file is named, before anything moves", async () => {
  await using ground = await plainGround(1);
  const key = (await generateSigningKey("mistaken-1")).secretText;
  const options = { ...ground.options, stores: [`file://${ground.dir}/store`] };
  for (const file of [key, join(ground.dir, key)]) {
    const error = await assertRejects(() =>
      publish({ ...options, signingKey: { file } }, ground.ctx)
    ) as KedgeError;
    assertEquals(error.exitCode, 2);
    assertStringIncludes(error.message, "the key itself stands where its file is named");
    assertEquals(error.message.includes(key.slice(-20)), false);
  }
  await assertRejects(() => Deno.stat(join(ground.dir, "store")), Deno.errors.NotFound);
});

Deno.test("publish() says so where a key cannot sign: a program of somebody else's writes there", async () => {
  await using ground = await plainGround(1);
  const file = join(ground.dir, "key");
  await Deno.writeTextFile(file, (await generateSigningKey("ours-1")).secretText);
  const pushed = `file://${ground.dir}/pushed`;
  await publish({ ...ground.options, stores: [pushed] }, ground.ctx);
  const notes: string[] = [];
  await publish({
    ...ground.options,
    version: "2",
    stores: [`exec:true?read=${pushed}`],
    signingKey: { file },
  }, {
    ...ground.ctx,
    report: (event) => {
      if (event.type === "note" && event.level === "warning") notes.push(event.message);
    },
  });
  assertEquals(notes, [
    '"exec:true" gets no signature of the keys given here: its command writes the narinfos',
  ]);
});
