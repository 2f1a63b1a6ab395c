/** Catalogs behind HTTP, good and bad, and one of a user's own. */
import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { join } from "@std/path";
import { toFileUrl } from "@std/path/to-file-url";
import { type KedgeError, UnreachableError } from "../../../lib/base/errors.ts";
import type { Catalog } from "../../../lib/catalog/catalog.ts";
import { CatalogConflictError } from "../../../lib/catalog/catalog_conflict_error.ts";
import type { CatalogEntry } from "../../../lib/catalog/catalog_entry.ts";
import { publish, type PublishOptions } from "../../../tasks/publish/publish.ts";
import { FaultyCache } from "../../support/binary_cache.ts";
import { CatalogServer } from "../../support/catalog_server.ts";
import { freePort } from "../../support/free_port.ts";
import { type PlainGround, plainGround } from "../../support/plain_paths.ts";

function optionsOf(ground: PlainGround, server: CatalogServer): PublishOptions {
  return { ...ground.options, stores: [`file://${ground.dir}/store`], catalog: server.url };
}

Deno.test("publish() commits to a catalog behind HTTP after all stores are proven", async () => {
  await using server = new CatalogServer();
  await using cache = new FaultyCache();
  await using ground = await plainGround();
  const options = { ...optionsOf(ground, server), stores: [cache.url] };
  let readBefore = 0;
  server.fault = ({ method }) => {
    if (method === "PUT") readBefore = cache.count("HEAD", /^nar/);
    return undefined;
  };
  const foreseen = await publish(options, { ...ground.ctx, dryRun: true });
  cache.requests.length = server.requests.length = 0;
  const first = await publish(options, ground.ctx);
  assertEquals(readBefore, 3);
  const sent = cache.requests.length + server.requests.length;
  assertEquals([first.requests, foreseen.requests], [sent, sent]);
  const [kept] = [...server.entries.values()];
  assertEquals(kept?.entry.proofs.map((proof) => Object.keys(proof.narInfos).length), [3]);
  const second = await publish(options, ground.ctx);
  assertEquals([second.changed, second.requests], [false, 1 + 1 + 3]);
  assertEquals(server.requests.filter(({ method }) => method === "PUT").length, 1);
});

Deno.test("publish() shows a refused login of the catalog before anything moves", async () => {
  await using server = new CatalogServer();
  await using ground = await plainGround();
  server.token = "right-token";
  const options = optionsOf(ground, server);
  const error = await assertRejects(() => publish(options, ground.ctx)) as KedgeError;
  assertEquals(error.exitCode, 5);
  assertStringIncludes(error.message, "the server answered 401");
  await assertRejects(() => Deno.stat(join(ground.dir, "store")), Deno.errors.NotFound);
  const file = join(ground.dir, "token");
  await Deno.writeTextFile(file, "right-token");
  await publish({ ...options, catalog: `${server.url}?token-file=${file}` }, ground.ctx);
  assertEquals(server.entries.size, 1);
});

Deno.test("publish() replays only the commit after the catalog was down", async () => {
  await using server = new CatalogServer();
  await using cache = new FaultyCache();
  await using ground = await plainGround();
  const options = { ...optionsOf(ground, server), stores: [cache.url] };
  server.fault = ({ method }) =>
    method === "PUT" ? new Response("down", { status: 500 }) : undefined;
  const error = await assertRejects(() => publish(options, ground.ctx)) as KedgeError;
  assertEquals(error.exitCode, 4);
  assertStringIncludes(error.message, "500");
  server.fault = () => undefined;
  const puts = cache.count("PUT");
  const again = await publish(options, ground.ctx);
  assertEquals([again.changed, again.bytesMoved, cache.count("PUT")], [true, 0, puts]);
  const keys = server.requests.filter(({ method }) => method === "PUT")
    .map(({ headers }) => headers.get("idempotency-key"));
  assertEquals(new Set(keys).size, 1);
});

Deno.test("publish() moves nothing while nobody answers for the catalog", async () => {
  await using ground = await plainGround();
  const stores = [`file://${ground.dir}/store`];
  const catalog = `http://127.0.0.1:${await freePort()}`;
  const options = { ...ground.options, stores, catalog };
  const error = await assertRejects(() => publish(options, ground.ctx)) as KedgeError;
  assertEquals(error.exitCode, 4);
  assertStringIncludes(error.message, catalog);
  await assertRejects(() => Deno.stat(join(ground.dir, "store")), Deno.errors.NotFound);
});

Deno.test("publish() commits once when the catalog commits and cuts the connection", async () => {
  await using server = new CatalogServer();
  await using ground = await plainGround();
  let cut = false;
  server.fault = ({ method }) => {
    if (method !== "PUT" || cut) return undefined;
    cut = true;
    return "commit-and-cut";
  };
  const options = optionsOf(ground, server);
  const outcome = await publish(options, ground.ctx);
  assertEquals(outcome.id.startsWith("plain@1.0.0/"), true);
  assertEquals([server.entries.size, server.history.length], [1, 1]);
});

Deno.test("publish() gives a slow catalog up", async () => {
  await using server = new CatalogServer();
  await using ground = await plainGround();
  const answers = Promise.withResolvers<undefined>();
  server.fault = ({ method }) => method === "PUT" ? answers.promise : undefined;
  const options = { ...optionsOf(ground, server), stallMs: 100, retry: { retries: 1, baseMs: 1 } };
  await assertRejects(() => publish(options, ground.ctx), UnreachableError);
  answers.resolve(undefined);
});

Deno.test("publish() tells a conflict, and takes a twin for itself", async () => {
  await using server = new CatalogServer();
  await using ground = await plainGround(1);
  await using other = await plainGround(1);
  const options = optionsOf(ground, server);
  await publish(options, ground.ctx);
  await assertRejects(
    () => publish({ ...optionsOf(other, server), system: options.system }, other.ctx),
    CatalogConflictError,
    "it already exists with other store paths",
  );
  // Two publishers of the same at the same time, to stores of their own.
  const twins = ["a", "b"].map((name) =>
    publish({ ...options, version: "2", stores: [`file://${ground.dir}/${name}`] }, ground.ctx)
  );
  const [a, b] = await Promise.all(twins);
  assertEquals(a?.id, b?.id);
  assertEquals(server.entries.size, 2);
});

Deno.test("publish() of two builds under one version at once commits one of them", async () => {
  await using server = new CatalogServer();
  await using one = await plainGround(1);
  await using two = await plainGround(1);
  const outcomes = await Promise.allSettled(
    [one, two].map((ground) => publish(optionsOf(ground, server), ground.ctx)),
  );
  const failed = outcomes.filter((outcome) => outcome.status === "rejected");
  assertEquals(failed.length, 1);
  assert(failed[0]?.reason instanceof CatalogConflictError);
  assertEquals(server.entries.size, 1);
});

Deno.test("publish() trusts no catalog that answers for another entry, or in HTML", async () => {
  await using server = new CatalogServer();
  await using ground = await plainGround(1);
  const options = optionsOf(ground, server);
  server.fault = () => new Response("<!doctype html>");
  const page = await assertRejects(() => publish(options, ground.ctx)) as KedgeError;
  assertEquals(page.exitCode, 3);
  const entry: CatalogEntry = {
    id: "other@1/x86_64-linux",
    name: "other",
    version: "1",
    system: "x86_64-linux",
    storePaths: [],
    closure: [],
    closureBytes: 0,
    proofs: [],
    created: "",
    updated: "",
    current: true,
  };
  server.fault = () => Response.json(entry);
  const other = await assertRejects(() => publish(options, ground.ctx)) as KedgeError;
  assertEquals(other.exitCode, 3);
  assertStringIncludes(other.message, 'it answered "other@1/x86_64-linux"');
});

/** The catalog of a user's own that the README shows. */
async function readmeCatalog(dir: string): Promise<
  new (url: string, source: { url: string; rev: string }) => Catalog
> {
  const text = await Deno.readTextFile(new URL("../../../README.md", import.meta.url));
  const blocks = [...text.matchAll(/^```ts\n([\s\S]*?)^```$/gm)].map(([, code = ""]) => code);
  const file = join(dir, "builds_catalog.ts");
  await Deno.writeTextFile(file, blocks.find((code) => code.includes("class BuildsCatalog"))!);
  return (await import(toFileUrl(file).href)).BuildsCatalog;
}

Deno.test("publish() works with the catalog that the README shows", async () => {
  const builds: Record<string, unknown>[] = [];
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, async (request) => {
    if (request.method === "GET") return new Response(null, { status: 404 });
    if (!request.headers.has("idempotency-key")) return new Response("no key", { status: 400 });
    const build = await request.json();
    const complete = ["url", "rev", "derivation", "narinfos"].every((field) => field in build) &&
      build.derivation.outputs.every((output: { store_path: string }) =>
        output.store_path in build.narinfos
      );
    if (!complete) return new Response("a field is missing", { status: 422 });
    builds.push(build);
    return Response.json({}, { status: 201 });
  });
  try {
    await using ground = await plainGround(2);
    const BuildsCatalog = await readmeCatalog(ground.dir);
    const catalog = new BuildsCatalog(`http://127.0.0.1:${server.addr.port}`, {
      url: "https://github.com/acme/acme",
      rev: "a".repeat(40),
    });
    const result = await publish(
      { ...ground.options, stores: [`file://${ground.dir}/store`], catalog },
      ground.ctx,
    );
    assertEquals(result.requests, 2);
    assertEquals(Object.keys(builds[0]!["narinfos"] as object).length, 2);
    assertEquals(builds[0]!["narinfos_source_url"], `file://${ground.dir}/store`);
  } finally {
    await server.shutdown();
  }
});
