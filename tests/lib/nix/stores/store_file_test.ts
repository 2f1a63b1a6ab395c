import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { join } from "@std/path";
import { sha256 } from "../../../../lib/base/digest.ts";
import { UsageError } from "../../../../lib/base/errors.ts";
import { fetchurlExpression, storeFile } from "../../../../lib/nix/stores/store_file.ts";
import { bundleBytes } from "../../../support/bundle.ts";
import { startNix } from "../../../support/nix.ts";
import { startOrigin } from "../../../support/origin.ts";
import { runKedge } from "../../../support/program.ts";
import { realTest } from "../../../support/real.ts";
import { removeTree } from "../../../support/remove_tree.ts";

const empty = "sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";

Deno.test("fetchurlExpression() gives URL and hash as Nix reads them", () => {
  assertEquals(
    fetchurlExpression('http://a/"x"', sha256(""), '"x"'),
    `fetchurl { url = "http://a/\\"x\\""; hash = "${empty}"; }`,
  );
});

Deno.test("fetchurlExpression() says the name where the URL does not end with it", () => {
  assertEquals(
    fetchurlExpression("http://a/a%20b.tar", sha256(""), "a_b.tar"),
    `fetchurl { name = "a_b.tar"; url = "http://a/a%20b.tar"; hash = "${empty}"; }`,
  );
});

realTest("storeFile() puts a file where Nix would, once, and keeps it from being collected", [
  "nix-store",
], async () => {
  await using world = await startNix();
  const path = join(world.dir, "k.tar.gz");
  const body = bundleBytes({ size: 100_000 });
  await Deno.writeFile(path, body);
  const root = join(world.dir, "roots", "k");
  const options = { name: "k.tar.gz", digest: sha256(body), root, env: world.env };
  const first = await storeFile(path, options);
  assertEquals(first.added, true);
  assertEquals(await Deno.readFile(first.storePath), body);
  assertEquals(await storeFile(path, options), { storePath: first.storePath, added: false });
  await world.run("nix-store", ["--gc"]);
  assertEquals(await Deno.readFile(first.storePath), body);
  const wrong = { ...options, digest: sha256("other") };
  await assertRejects(() => storeFile(path, wrong), Error, "Cannot put");
  await assertRejects(() => storeFile(path, { ...options, name: ".bad" }), UsageError);
});

for (const path of ["/k.tar.gz", "/a%20b+c.tar.gz", "/.hidden.tar.gz", "/k.tar.gz?token=x"]) {
  realTest(`kexec --store prints an expression of the same store path for ${path}`, [
    "nix-store",
    "nix-instantiate",
  ], async () => {
    await using world = await startNix();
    await using origin = startOrigin({ [path.split("?")[0]!]: { body: bundleBytes() } });
    const { code, stdout, stderr } = await runKedge(
      ["kexec", "--url", origin.url(path), "--store"],
      { cacheDir: join(world.dir, "kedge"), env: world.env },
    );
    assertEquals(code, 0, stderr);
    const [, storePath, expression] = stdout.trim().split("\n");
    const asked = `(let fetchurl = import <nix/fetchurl.nix>; in ${expression}).outPath`;
    const said = await world.run("nix-instantiate", ["--eval", "--expr", asked]);
    assertEquals(JSON.parse(said), storePath);
  });
}

Deno.test("kexec --store says that there is no Nix before anything moves", async () => {
  await using origin = startOrigin({ "/k.tar.gz": { body: bundleBytes() } });
  const dir = await Deno.makeTempDir({ prefix: "kedge-test-" });
  try {
    const { code, stderr } = await runKedge(
      ["kexec", "--url", origin.url("/k.tar.gz"), "--store"],
      { cacheDir: join(dir, "cache"), env: { PATH: dir } },
    );
    assertEquals(code, 2);
    assertStringIncludes(stderr, 'Cannot run "nix-store": it is not installed');
    assertStringIncludes(stderr, "hint: install Nix, or leave its store out");
    assertEquals(origin.requests.length, 0);
  } finally {
    await removeTree(dir);
  }
});

realTest(
  "kexec --store prints the bundle, its store path and the expression for it",
  ["nix-store"],
  async () => {
    await using world = await startNix();
    await using origin = startOrigin({ "/k.tar.gz": { body: bundleBytes() } });
    const url = origin.url("/k.tar.gz");
    const cacheDir = join(world.dir, "kedge");
    const run = () => runKedge(["kexec", "--url", url, "--store"], { cacheDir, env: world.env });
    const { code, stdout, stderr } = await run();
    assertEquals(code, 0, stderr);
    const [path, storePath, expression] = stdout.trim().split("\n");
    assertEquals(await Deno.readFile(path!), await Deno.readFile(storePath!));
    assertStringIncludes(expression!, `fetchurl { url = "${url}"`);
    assertEquals((await run()).stdout, stdout);
    assertEquals(origin.requests.length, 1);
  },
);
