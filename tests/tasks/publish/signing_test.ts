/** Signatures that are added to narinfos which stand already, while others do the same. */
import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { join } from "@std/path";
import type { KedgeError } from "../../../lib/base/errors.ts";
import { fingerprint, formatNarInfo, parseNarInfo } from "../../../lib/nix/nar/nar_info.ts";
import {
  generateSigningKey,
  parseSigningKey,
  signFingerprint,
} from "../../../lib/nix/signing_key.ts";
import { publish } from "../../../tasks/publish/publish.ts";
import { FaultyCache, startDavCache } from "../../support/binary_cache.ts";
import { environment } from "../../support/environment.ts";
import { type PlainGround, plainGround } from "../../support/plain_paths.ts";
import { realTest } from "../../support/real.ts";
import { s3Keys, s3ObjectFile, startS3 } from "../../support/s3.ts";

/** Writes a key of this name into the ground. */
async function keyFile(ground: PlainGround, name: string): Promise<string> {
  const file = join(ground.dir, `key-${name}`);
  await Deno.writeTextFile(file, (await generateSigningKey(name)).secretText);
  return file;
}

/** A narinfo with one more signature, by a key that is made for it. */
async function signedBy(name: string, text: string): Promise<Uint8Array<ArrayBuffer>> {
  const info = parseNarInfo(text);
  const key = await parseSigningKey((await generateSigningKey(name)).secretText, "a test");
  const signature = await signFingerprint(key, fingerprint(info));
  return new TextEncoder().encode(
    formatNarInfo({ ...info, signatures: [...info.signatures, signature] }),
  );
}

function signers(text: string): string[] {
  return text.split("\n").filter((line) => line.startsWith("Sig: "))
    .map((line) => line.slice(5).split(":")[0]!).sort();
}

Deno.test("publish() keeps the signature that another publisher adds in between", async () => {
  await using cache = new FaultyCache();
  await using ground = await plainGround(2);
  cache.conditions = true;
  const options = { ...ground.options, stores: [cache.url] };
  await publish(options, ground.ctx);
  const text = (key: string) => new TextDecoder().decode(cache.objects.get(key));
  const keys = [...cache.objects.keys()].filter((key) => key.endsWith(".narinfo"));
  const [contested, calm] = keys as [string, string];
  const theirs = await signedBy("theirs-1", text(contested));
  let between = false;
  cache.fault = ({ method, key }) => {
    if (method !== "PUT" || key !== contested || between) return undefined;
    between = true;
    cache.objects.set(key, theirs);
    return undefined;
  };
  cache.requests.length = 0;
  const signing = { ...options, signingKey: { file: await keyFile(ground, "ours-1") } };
  const signed = await publish(signing, ground.ctx);
  assertEquals([signed.changed, signed.bytesMoved], [true, 0]);
  assertEquals(signers(text(contested)), ["ours-1", "theirs-1"]);
  assertEquals(signers(text(calm)), ["ours-1"]);
  assertEquals(cache.requests.filter(({ method }) => method === "PUT").length, 3);
  assertEquals((await publish(signing, ground.ctx)).changed, false);
});

Deno.test("publish() gives up a narinfo that changes each time it looks", async () => {
  await using cache = new FaultyCache();
  await using ground = await plainGround(1);
  cache.conditions = true;
  const options = { ...ground.options, stores: [cache.url] };
  await publish(options, ground.ctx);
  let changes = 0;
  cache.fault = ({ method, key }, objects) => {
    if (method !== "PUT" || !key.endsWith(".narinfo")) return undefined;
    const text = new TextDecoder().decode(objects.get(key));
    objects.set(key, new TextEncoder().encode(`${text}X${changes++}: another field\n`));
    return undefined;
  };
  const signingKey = { file: await keyFile(ground, "ours-1") };
  const error = await assertRejects(() =>
    publish({ ...options, signingKey }, ground.ctx)
  ) as KedgeError;
  assertEquals([error.exitCode, changes], [6, 8]);
  assertStringIncludes(error.message, "others changed it in between");
});

Deno.test("publish() signs no other build that came in between", async () => {
  await using cache = new FaultyCache();
  await using ground = await plainGround(1);
  const options = { ...ground.options, stores: [cache.url] };
  await publish(options, ground.ctx);
  const [key, bytes] = [...cache.objects].find(([name]) => name.endsWith(".narinfo"))!;
  const info = parseNarInfo(new TextDecoder().decode(bytes));
  let reads = 0;
  cache.fault = ({ method, key: asked }, objects) => {
    if (method === "GET" && asked === key && ++reads === 2) {
      const other = formatNarInfo({ ...info, narSize: info.narSize + 8 });
      objects.set(key, new TextEncoder().encode(other));
    }
    return undefined;
  };
  const signingKey = { file: await keyFile(ground, "ours-1") };
  const error = await assertRejects(() =>
    publish({ ...options, signingKey }, ground.ctx)
  ) as KedgeError;
  assertEquals(error.exitCode, 3);
  assertStringIncludes(error.message, "it holds another build of it (NarSize is");
  assertEquals(signers(new TextDecoder().decode(cache.objects.get(key))), []);
});

Deno.test("publish() signs where nobody may read what is written, and where conditions are unknown", async () => {
  await using cache = new FaultyCache();
  await using reading = new FaultyCache();
  await using ground = await plainGround(1);
  reading.fault = (_request, objects) => {
    for (const [key, bytes] of cache.objects) objects.set(key, bytes);
    return undefined;
  };
  cache.conditions = true;
  const options = { ...ground.options, stores: [`${cache.url}?read=${reading.url}`] };
  await publish(options, ground.ctx);
  for (const [name, status] of [["shut-1", 405], ["plain-1", 501]] as const) {
    cache.fault = ({ method, headers }) => {
      const refused = status === 405 ? method === "GET" : headers.has("if-match");
      return refused ? new Response("no", { status }) : undefined;
    };
    const signingKey = { file: await keyFile(ground, name) };
    assertEquals((await publish({ ...options, signingKey }, ground.ctx)).changed, true);
  }
  const info = [...cache.objects].find(([key]) => key.endsWith(".narinfo"))![1];
  assertEquals(signers(new TextDecoder().decode(info)), ["plain-1", "shut-1"]);
});

Deno.test("publish() of several keys at once to one folder keeps all signatures", async () => {
  await using ground = await plainGround(5);
  const options = { ...ground.options, stores: [`file://${ground.dir}/store`] };
  await publish(options, ground.ctx);
  const names = ["a-1", "b-1", "c-1", "d-1"];
  await Promise.all(names.map(async (name) =>
    await publish({
      ...options,
      version: name,
      signingKey: { file: await keyFile(ground, name) },
    }, ground.ctx)
  ));
  for await (const { name } of Deno.readDir(join(ground.dir, "store"))) {
    if (!name.endsWith(".narinfo")) continue;
    const text = await Deno.readTextFile(join(ground.dir, "store", name));
    assertEquals(signers(text), names);
  }
});

Deno.test({
  name: "publish() compares and swaps narinfos in S3",
  sanitizeOps: false,
  sanitizeResources: false,
  fn: async () => {
    await using s3 = await startS3();
    await using ground = await plainGround(1);
    const file = join(ground.dir, "credentials");
    await Deno.writeTextFile(
      file,
      `[kedge]\naws_access_key_id = ${s3Keys.accessKeyId}\naws_secret_access_key = ${s3Keys.secretAccessKey}\n`,
    );
    using _environment = await environment({ AWS_SHARED_CREDENTIALS_FILE: file });
    const stores = [`s3://kedge?endpoint=${s3.endpoint}&profile=kedge`];
    const options = { ...ground.options, stores };
    await publish(options, ground.ctx);
    const line = s3.requests.find((each) => /^PUT .*\.narinfo/.test(each))!;
    const object = s3ObjectFile(s3.directory, line.slice("PUT ".length));
    const theirs = await signedBy("theirs-1", await Deno.readTextFile(object));
    let between = false;
    s3.before = (request) => {
      if (between || request !== line) return;
      between = true;
      Deno.writeFileSync(object, theirs);
      Deno.removeSync(`${object}.md5`);
    };
    const signingKey = { file: await keyFile(ground, "ours-1") };
    await publish({ ...options, signingKey }, ground.ctx);
    assertEquals(signers(await Deno.readTextFile(object)), ["ours-1", "theirs-1"]);
  },
});

realTest("nginx writes whatever the condition says, so that only the last signer's stays", [
  "nginx",
], async () => {
  await using cache = await startDavCache();
  const put = (headers: HeadersInit) =>
    fetch(`${cache.nginx.url}/x.narinfo`, { method: "PUT", body: "x", headers });
  assertEquals((await put({})).status, 201);
  const standing = await fetch(`${cache.nginx.url}/x.narinfo`);
  await standing.body?.cancel();
  assertEquals(/^"[^"]+"$/.test(standing.headers.get("etag")!), true);
  assertEquals((await put({ "if-match": '"another"' })).status, 204);
});
