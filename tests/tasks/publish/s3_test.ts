/** Publishing to S3: signatures, parts, and uploads that go on where they were. */
import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { join } from "@std/path";
import { IncompleteError, type KedgeError, UsageError } from "../../../lib/base/errors.ts";
import { publish } from "../../../tasks/publish/publish.ts";
import { environment } from "../../support/environment.ts";
import { plainGround } from "../../support/plain_paths.ts";
import { runKedge } from "../../support/program.ts";
import { s3Keys, startS3 } from "../../support/s3.ts";

/** Writes a shared credentials file. */
async function credentials(dir: string, secret = s3Keys.secretAccessKey): Promise<string> {
  const file = join(dir, "credentials");
  await Deno.writeTextFile(
    file,
    `[other]\naws_access_key_id = x\n\n[kedge]\naws_access_key_id = ${s3Keys.accessKeyId}\n` +
      `aws_secret_access_key = ${secret}\n`,
  );
  return file;
}

const options = { sanitizeOps: false, sanitizeResources: false };

Deno.test("publish() writes to S3, nothing twice, and reads it back whole", options, async () => {
  await using s3 = await startS3();
  await using ground = await plainGround(3, 50_000);
  const file = await credentials(ground.dir);
  const store = `s3://kedge/sub/cache?endpoint=${s3.endpoint}&profile=kedge`;
  const args = [
    ...["publish", ...ground.options.paths, "--to", store, "--name", "x", "--version", "1"],
    ...["--catalog", ground.options.catalog as string, "--verify", "full"],
  ];
  const run = (cacheDir = join(ground.dir, "cache")) =>
    runKedge(args, { cacheDir, env: { AWS_SHARED_CREDENTIALS_FILE: file } });
  const first = await run();
  assertEquals(first.code, 0, first.stderr);
  assertEquals(s3.count(/^PUT \/kedge\/sub\/cache\/nar\//), 3);
  assertEquals(s3.count(/^PUT .*narinfo/), 3);
  const second = await run();
  assertStringIncludes(second.stderr, "has the NAR of all 3 paths, with the narinfos that");
  assertEquals(s3.count(/^PUT .*narinfo/), 3);

  await credentials(ground.dir, "WRONG");
  await Deno.remove(join(ground.dir, "catalog.db"));
  args.push("--to", `${store.replace("cache?", "other?")}`);
  const refused = await run();
  assertEquals(refused.code, 5, refused.stderr);
  assert(!refused.stderr.includes("WRONG"));
});

Deno.test(
  "publish() sends large NARs to S3 in parts, and only those that the server lacks",
  options,
  async () => {
    await using s3 = await startS3();
    await using ground = await plainGround(1, 60_000_000);
    using _environment = await environment({
      AWS_SHARED_CREDENTIALS_FILE: await credentials(ground.dir),
    });
    const store = `s3://kedge?endpoint=${s3.endpoint}&profile=kedge&part-size=5MiB`;
    const sending = { ...ground.options, stores: [store], retry: { retries: 0 } };
    let parts = 0;
    s3.cut = (request) => request.includes("partNumber=") && ++parts > 7;
    const error = await assertRejects(() => publish(sending, ground.ctx)) as KedgeError;
    assertEquals(error.exitCode, 6);
    s3.cut = () => false;
    s3.requests.length = 0;
    const exact = await publish(sending, { ...ground.ctx, dryRun: true });
    s3.requests.length = 0;
    const resumed = await publish({ ...sending, verify: "full" }, ground.ctx);
    assertEquals(exact.bytesMoved, resumed.bytesMoved + resumed.bytesReused);
    assertEquals(s3.count(/partNumber=/), 12 - 7);
    assertEquals(s3.count(/uploads=/), 0);
    assert(resumed.bytesMoved <= 0.55 * 60_000_000);
    assertEquals((await publish(sending, ground.ctx)).changed, false);
  },
);

Deno.test("publish() begins an upload anew that S3 has forgotten", options, async () => {
  await using ground = await plainGround(1, 12_000_000);
  using _environment = await environment({
    AWS_SHARED_CREDENTIALS_FILE: await credentials(ground.dir),
  });
  let port = 0;
  const storeOf = (endpoint: string) =>
    `s3://kedge?endpoint=${endpoint}&profile=kedge&part-size=5MiB`;
  const sendingTo = (endpoint: string) => ({
    ...ground.options,
    stores: [storeOf(endpoint)],
    retry: { retries: 0 },
  });
  await using s3 = await startS3();
  port = Number(new URL(s3.endpoint).port);
  assert(port > 0);
  let parts = 0;
  s3.cut = (request) => request.includes("partNumber=") && ++parts > 1;
  await assertRejects(
    () => publish(sendingTo(s3.endpoint), ground.ctx),
    IncompleteError,
    "Cannot write a part",
  );
  // Another session under the same name: the server does not know it.
  let cut = true;
  s3.cut = () => false;
  const session = ground.ctx.cache;
  for await (const path of jsonFiles(join(session.dir, "nars-v1"))) {
    const text = await Deno.readTextFile(path);
    if (!text.includes("uploadId")) continue;
    await Deno.writeTextFile(path, text.replace(/"uploadId": *"[^"]+"/, '"uploadId":"gone"'));
    cut = false;
  }
  assertEquals(cut, false);
  const result = await publish(sendingTo(s3.endpoint), ground.ctx);
  assertEquals(result.changed, true);
  assertEquals(s3.count(/uploads=/), 2);
});

async function* jsonFiles(dir: string): AsyncGenerator<string> {
  for await (const entry of Deno.readDir(dir)) {
    if (entry.isDirectory) yield* jsonFiles(join(dir, entry.name));
    else yield join(dir, entry.name);
  }
}

Deno.test("publish() refuses buckets, endpoints and profiles that are none", async () => {
  await using ground = await plainGround(1);
  const file = await credentials(ground.dir);
  using _environment = await environment({ AWS_SHARED_CREDENTIALS_FILE: file });
  const refused: [string, string][] = [
    ["s3://UP_per?profile=kedge", "is not a bucket's name"],
    ["s3://kedge?addressing-style=round&profile=kedge", "the addressing style"],
    ["s3://kedge?profile=nobody", 'no credentials of the profile "nobody"'],
    ["s3://kedge?endpoint=http://[&profile=kedge", "the endpoint"],
    ["s3://kedge?bucket=x", 'its parameter "bucket" is not known'],
  ];
  for (const [store, message] of refused) {
    await assertRejects(
      () => publish({ ...ground.options, stores: [store] }, ground.ctx),
      UsageError,
      message,
    );
  }
});
