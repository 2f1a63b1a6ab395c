/** What a publish takes as proven since it proved it a short while ago, and what it never does. */
import { assertEquals, assertStringIncludes } from "@std/assert";
import { join } from "@std/path";
import { generateSigningKey } from "../../../lib/nix/signing_key.ts";
import { standingProof } from "../../../lib/nix/stores/proof_memory.ts";
import { publish } from "../../../tasks/publish/publish.ts";
import { FaultyCache } from "../../support/binary_cache.ts";
import { plainGround } from "../../support/plain_paths.ts";

/** The requests for paths, as `METHOD narinfo` and `METHOD nar`. */
function asked(cache: FaultyCache): string[] {
  return cache.requests.filter(({ key }) => key !== "nix-cache-info")
    .map(({ method, key }) => `${method} ${key.endsWith(".narinfo") ? "narinfo" : "nar"}`).sort();
}

const one = ["HEAD nar", "HEAD nar"];
const both = ["GET narinfo", "GET narinfo", ...one];

Deno.test("publish() asks once for a path that was proven a short while ago", async () => {
  await using cache = new FaultyCache();
  await using ground = await plainGround(2);
  const options = { ...ground.options, stores: [cache.url] };
  await publish(options, ground.ctx);
  const askedBy = async (more: object, ctx: object = {}) => {
    cache.requests.length = 0;
    assertEquals(
      (await publish({ ...options, ...more }, { ...ground.ctx, ...ctx })).changed,
      false,
    );
    return asked(cache);
  };
  assertEquals(await askedBy({}), one);
  assertEquals(await askedBy({}, { dryRun: true }), one);
  assertEquals(await askedBy({ proofMaxAgeMs: 0 }), both);
  assertEquals(await askedBy({}, { refresh: "all" }), both);
  assertEquals(await askedBy({}, { refresh: ["publish"] }), both);
  assertEquals(await askedBy({}, { refresh: ["kexec"] }), one);
});

Deno.test("publish() sees a lost NAR although the path was proven a moment ago", async () => {
  await using cache = new FaultyCache();
  await using ground = await plainGround(2);
  const options = { ...ground.options, stores: [cache.url] };
  await publish(options, ground.ctx);
  const [nar] = [...cache.objects.keys()].filter((key) => key.startsWith("nar/"));
  const whole = cache.objects.get(nar!)!;
  for (const left of [undefined, whole.slice(1)]) {
    if (left === undefined) cache.objects.delete(nar!);
    else cache.objects.set(nar!, left);
    const mended = await publish(options, ground.ctx);
    assertStringIncludes(mended.why, "lacks 1 of 2 paths (its NAR is lost)");
    assertEquals(cache.objects.get(nar!), whole);
  }
});

Deno.test("publish() takes nothing as proven once there is something to do", async () => {
  await using cache = new FaultyCache();
  await using ground = await plainGround(2);
  const options = { ...ground.options, stores: [cache.url] };
  await publish(options, ground.ctx);
  const infos = [...cache.objects.keys()].filter((key) => key.endsWith(".narinfo"));
  // Another version of the same paths is to be committed.
  cache.objects.delete(infos[0]!);
  const next = await publish({ ...options, version: "2" }, ground.ctx);
  assertStringIncludes(next.why, "lacks 1 of 2 paths (its narinfo is not there)");
  // A NAR is lost, so that the narinfos are looked at again.
  cache.objects.delete(infos[1]!);
  cache.objects.delete([...cache.objects.keys()].find((key) => key.startsWith("nar/"))!);
  const mended = await publish({ ...options, version: "2" }, ground.ctx);
  assertEquals(mended.changed, true);
  assertEquals(infos.every((key) => cache.objects.has(key)), true);
  // A key that did not sign yet.
  const file = join(ground.dir, "key");
  await Deno.writeTextFile(file, (await generateSigningKey("ours-1")).secretText);
  const signed = await publish({ ...options, version: "2", signingKey: { file } }, ground.ctx);
  assertStringIncludes(signed.why, "not signed by our key");
});

Deno.test("standingProof() believes neither old nor future proofs, nor those of other keys", () => {
  const proof = { at: 1000, keys: ["a:x", "b:y"], paths: {} };
  const at = (now: number, keys: string[] = [], maxAgeMs = 100) =>
    standingProof(proof, { now, maxAgeMs, keys }) !== undefined;
  assertEquals([at(1000), at(1099), at(1100), at(999)], [true, true, false, false]);
  assertEquals([at(1000, ["a:x"]), at(1000, ["a:z"])], [true, false]);
  assertEquals(at(1000, [], 0), false);
  assertEquals(standingProof(undefined, { now: 0, maxAgeMs: 1, keys: [] }), undefined);
});
