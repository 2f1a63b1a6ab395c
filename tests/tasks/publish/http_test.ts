import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { join } from "@std/path";
import {
  IncompleteError,
  NotAllowedError,
  UnreachableError,
  UsageError,
} from "../../../lib/base/errors.ts";
import { Cache } from "../../../lib/cache/cache.ts";
import { generateSigningKey } from "../../../lib/nix/signing_key.ts";
import type { RunEvent } from "../../../lib/runner/events.ts";
import { publish, type PublishOptions } from "../../../tasks/publish/publish.ts";
import { FaultyCache, makeCertificates, startDavCache } from "../../support/binary_cache.ts";
import { startNix } from "../../support/nix.ts";
import { plainGround } from "../../support/plain_paths.ts";
import { realTest } from "../../support/real.ts";

realTest(
  "publish() writes to nginx what nix copies with its signature",
  ["nix", "nginx"],
  async () => {
    await using world = await startNix();
    await using cache = await startDavCache();
    const built = await world.build([{ name: "leaf" }, {
      name: "top",
      needs: ["leaf"],
      self: true,
    }]);
    const { secretText, publicText } = await generateSigningKey("kedge-test-1");
    const key = join(world.dir, "key");
    await Deno.writeTextFile(key, secretText);
    const options: PublishOptions = {
      name: "top",
      version: "1",
      paths: [built["top"]!],
      stores: [cache.nginx.url],
      catalog: `sqlite://${world.dir}/catalog.db`,
      signingKey: { file: key },
      nix: { env: world.env },
    };
    const ctx = { cache: new Cache(join(world.dir, "kedge-cache")) };
    const foreseen = await publish(options, { ...ctx, dryRun: true });
    const before = (await cache.nginx.requests()).length;
    const first = await publish(options, ctx);
    const sent = (await cache.nginx.requests()).length - before;
    assertEquals([first.requests, foreseen.requests], [sent, sent]);
    const second = await publish(options, ctx);
    // What was proven a moment ago costs one request a path.
    assertEquals([second.changed, second.bytesMoved, second.requests], [false, 0, 1 + 2]);
    assertStringIncludes(second.why, "with the narinfos that were proven at");
    const asked = await publish({ ...options, proofMaxAgeMs: 0 }, ctx);
    assertEquals([asked.changed, asked.bytesMoved, asked.requests], [false, 0, 1 + 2 + 2]);

    await world.run("nix-store", ["--delete", ...Object.values(built)]);
    const trust = [
      "--option",
      "require-sigs",
      "true",
      "--option",
      "trusted-public-keys",
      publicText,
    ];
    await world.run("nix-store", [
      "-r",
      built["top"]!,
      "--option",
      "substituters",
      cache.nginx.url,
      ...trust,
    ]);
    await world.run("nix", [
      "store",
      "verify",
      "--store",
      cache.nginx.url,
      "-r",
      built["top"]!,
      ...trust,
    ]);
  },
);

realTest(
  "publish() logs in by URL, by token and by netrc, and tells a refused login",
  ["nginx"],
  async () => {
    await using cache = await startDavCache({ login: { user: "me", password: "open sesame" } });
    const { host } = new URL(cache.nginx.url);
    await using ground = await plainGround();
    const { ctx, dir } = ground;
    const options = { ...ground.options, stores: [cache.nginx.url] };
    const texts: string[] = [];
    const report = (event: unknown) => texts.push(JSON.stringify(event));
    const refused = await assertRejects(
      () => publish(options, { ...ctx, report }),
      NotAllowedError,
    );
    assertStringIncludes(refused.message, "the server answered 401");
    const wrong = `http://me:wrong-password@${host}`;
    const error = await assertRejects(
      () => publish({ ...options, stores: [wrong] }, ctx),
      NotAllowedError,
    );
    assert(!error.message.includes("wrong-password"));
    const netrc = join(dir, "netrc");
    await Deno.writeTextFile(netrc, `machine 127.0.0.1 login me password "no"\n`);
    await assertRejects(
      () => publish({ ...options, stores: [`${cache.nginx.url}?netrc-file=${netrc}`] }, ctx),
      NotAllowedError,
    );
    const right = `http://me:open%20sesame@${host}`;
    const result = await publish({ ...options, stores: [right] }, { ...ctx, report });
    assertEquals(result.stores[0]?.store, cache.nginx.url);
    assert(!texts.join("\n").includes("sesame"));
    assertEquals((await publish({ ...options, stores: [right] }, ctx)).changed, false);
    await Deno.writeTextFile(netrc, `machine 127.0.0.1 login me password "open sesame"\n`);
    const byNetrc = [`${cache.nginx.url}?netrc-file=${netrc}`];
    assertEquals((await publish({ ...options, stores: byNetrc }, ctx)).changed, false);
    await assertRejects(
      () => publish({ ...options, stores: [`${cache.nginx.url}?token-env=KEDGE_NO_SUCH`] }, ctx),
      UsageError,
      "the environment variable is not set",
    );
  },
);

realTest("publish() sends the bearer token of a file", ["nginx"], async () => {
  await using cache = await startDavCache({
    serverConfig: `if ($http_authorization != "Bearer secret-token") { return 401; }`,
  });
  await using ground = await plainGround();
  const file = join(ground.dir, "token");
  const stores = [`${cache.nginx.url}?token-file=${file}`];
  await Deno.writeTextFile(file, "wrong-token\n");
  await assertRejects(
    () => publish({ ...ground.options, stores }, ground.ctx),
    NotAllowedError,
    "the server answered 401",
  );
  await Deno.writeTextFile(file, "secret-token\n");
  assertEquals((await publish({ ...ground.options, stores }, ground.ctx)).stores[0]?.missing, 3);
});

realTest("publish() speaks TLS with an authority and a client certificate of its own", [
  "nginx",
  "openssl",
], async () => {
  await using ground = await plainGround(2, 600_000);
  const { ca, server, client } = await makeCertificates(ground.dir);
  await using cache = await startDavCache({
    tls: server,
    serverConfig: `ssl_client_certificate ${ca}; ssl_verify_client on;`,
  });
  const options = { ...ground.options, retry: { retries: 0 } };
  await assertRejects(
    () => publish({ ...options, stores: [cache.nginx.url] }, ground.ctx),
    IncompleteError,
    "Cannot trust the certificate",
  );
  const trusting = `${cache.nginx.url}?tls-ca=${ca}`;
  await assertRejects(
    () => publish({ ...options, stores: [trusting] }, ground.ctx),
    IncompleteError,
    "No required SSL certificate",
  );
  const known = `${trusting}&tls-certificate=${client.certificate}&tls-private-key=${client.key}`;
  const result = await publish({ ...options, stores: [known], verify: "full" }, ground.ctx);
  assertEquals(result.stores[0]?.missing, 2);
});

Deno.test("publish() to several stores sends to all of them and packs once", async () => {
  await using a = new FaultyCache();
  await using b = new FaultyCache();
  await using ground = await plainGround(5, 2_000_000);
  const stores = [a.url, b.url, `file://${ground.dir}/store`];
  const records: string[] = [];
  const report = (event: { type: string; label?: string }) => {
    if (event.type === "object-start") records.push(event.label!);
  };
  await publish({ ...ground.options, stores }, { ...ground.ctx, report });
  assertEquals(records.length, 15);
  assertEquals([...a.objects.keys()].sort(), [...b.objects.keys()].sort());
});

Deno.test("publish() tells how far each store is, and what is left once NARs are packed", async () => {
  await using a = new FaultyCache();
  await using b = new FaultyCache();
  await using ground = await plainGround(0);
  const path = join(ground.dir, "zeros");
  await Deno.writeFile(path, new Uint8Array(3_000_000));
  const options = { ...ground.options, paths: [path] };
  const last = async (stores: string[]) => {
    const told: Extract<RunEvent, { type: "progress" }>[] = [];
    const report = (event: RunEvent) => {
      if (event.type === "progress") told.push(event);
    };
    const { bytesMoved } = await publish({ ...options, stores }, { ...ground.ctx, report });
    return { bytesMoved, end: told.at(-1)! };
  };
  const alone = await last([`file://${ground.dir}/store`]);
  assertEquals(alone.end.parts, undefined);
  assertEquals(alone.end.bytesToMove, alone.bytesMoved);
  const { end, bytesMoved } = await last([a.url, b.url]);
  assert(bytesMoved > 0 && bytesMoved < 100_000, `${bytesMoved} bytes`);
  assertEquals([end.bytesMoved, end.bytesToMove], [bytesMoved, bytesMoved]);
  const half = bytesMoved / 2;
  assertEquals(
    end.parts,
    [a.url, b.url].map((label) => ({ label, bytesMoved: half, bytesToMove: half })),
  );
});

Deno.test("publish() asks for many paths at once, and backs off when it is too much", async () => {
  await using cache = new FaultyCache();
  await using ground = await plainGround(120, 10);
  // Each answer lets one more request go: behind the first of them, none comes before so many are under way.
  const many = Promise.withResolvers<undefined>();
  cache.fault = () => {
    if (cache.atOnce >= 24) many.resolve(undefined);
    return cache.requests.length > 20 ? many.promise : undefined;
  };
  // What a client gave up would be counted as well.
  const once = { stallMs: 60_000, retry: { retries: 0 } };
  await publish({ ...ground.options, ...once, stores: [cache.url] }, ground.ctx)
    .finally(() => many.resolve(undefined));
  assert(cache.mostAtOnce >= 24, `${cache.mostAtOnce} at once`);
  cache.latencyMs = 20;
  cache.objects.clear();
  let refused = 0;
  const tooMany = Promise.withResolvers<undefined>();
  cache.fault = ({ key }) => {
    if (cache.atOnce > 8) {
      refused++;
      tooMany.resolve(undefined);
      return new Response(null, { status: 429 });
    }
    // Nothing is known of the paths before it was too much once.
    return key.endsWith(".narinfo") ? tooMany.promise : undefined;
  };
  const retry = { retries: 8, baseMs: 20, ceilingMs: 200 };
  await publish({ ...ground.options, retry, stores: [cache.url] }, ground.ctx)
    .finally(() => tooMany.resolve(undefined));
  assert(refused > 0);
});

Deno.test("publish() sends NARs first, then narinfos, each after those that it needs", async () => {
  await using cache = new FaultyCache();
  await using ground = await plainGround(6, 400_000);
  await publish({ ...ground.options, stores: [cache.url] }, ground.ctx);
  const puts = cache.requests.filter((each) => each.method === "PUT").map((each) => each.key);
  const lastNar = puts.findLastIndex((key) => key.startsWith("nar/"));
  const firstInfo = puts.findIndex((key) => key.endsWith(".narinfo"));
  assert(lastNar < firstInfo);
});

Deno.test("publish() sends a large NAR anew that HTTP lost, and says so", async () => {
  await using cache = new FaultyCache();
  await using ground = await plainGround(1, 3_000_000);
  let lost = 0;
  cache.fault = async ({ method, key }, _objects, request) => {
    if (method !== "PUT" || !key.startsWith("nar/") || lost++ > 0) return undefined;
    await request.bytes();
    return new Response("lost", { status: 502 });
  };
  const notes: string[] = [];
  const report = (event: { type: string; message?: string }) => {
    if (event.type === "note") notes.push(event.message!);
  };
  const options = { ...ground.options, stores: [cache.url] };
  const { bytesMoved } = await publish(options, { ...ground.ctx, report });
  assertEquals(cache.count("PUT", /^nar/), 2);
  const [, nar] = [...cache.objects].find(([key]) => key.startsWith("nar/"))!;
  assertEquals(bytesMoved, 2 * nar.length);
  assert(notes.some((note) => note.includes("is sent anew from its first byte, 2.9 MiB in vain")));
});

Deno.test("publish() tells a store that nobody answers for", async () => {
  await using ground = await plainGround();
  const stores = ["http://127.0.0.1:1/cache"];
  const error = await assertRejects(() => publish({ ...ground.options, stores }, ground.ctx));
  assertEquals((error as unknown as { exitCode: number }).exitCode, 6);
  assert(error.cause instanceof UnreachableError);
  assertStringIncludes(error.message, 'to "http://127.0.0.1:1/cache"');
});

Deno.test("publish() refuses what is behind a network when it is offline", async () => {
  await using ground = await plainGround(1);
  const ctx = { ...ground.ctx, offline: true };
  const local = `file://${ground.dir}/store`;
  for (
    const more of [
      { stores: ["https://cache.acme.dev"] },
      { stores: [`${local}?read=https://cache.acme.dev`] },
      { stores: [local], catalog: "https://catalog.acme.dev" },
    ]
  ) {
    await assertRejects(
      () => publish({ ...ground.options, ...more }, ctx),
      UsageError,
      "acme.dev",
    );
  }
  assertEquals((await publish({ ...ground.options, stores: [local] }, ctx)).changed, true);
});
