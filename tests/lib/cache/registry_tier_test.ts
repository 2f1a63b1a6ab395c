/** A tier in a registry, which machines share. */
import { assert, assertEquals } from "@std/assert";
import { join } from "@std/path";
import { sha256 } from "../../../lib/base/digest.ts";
import { silentMeter } from "../../../lib/base/meter.ts";
import { Cache } from "../../../lib/cache/cache.ts";
import { RegistryTier } from "../../../lib/cache/registry_tier.ts";
import { parseReference, type RegistryReference } from "../../../lib/oci/reference.ts";
import { cacheKexec } from "../../../tasks/kexec/kexec.ts";
import { inFolder } from "../../support/in_folder.ts";
import { type Origin, startOrigin } from "../../support/origin.ts";
import { realTest } from "../../support/real.ts";
import { startRegistry } from "../../support/registry.ts";
import {
  body,
  bytesOf,
  newer,
  quick,
  remembered,
  withTier,
  wrong,
} from "../../support/tier_ground.ts";

function tierAt(host: string, isTrusted = false): RegistryTier {
  const reference = parseReference(`docker://${host}/team/cache`) as RegistryReference;
  return new RegistryTier(reference, { isTrusted });
}

/** Two machines with one tier; the origin says the digest of its file, or leaves it to the tier. */
async function fleet(
  isTrusted: boolean,
  test: (bench: {
    origin: Origin;
    put: (bytes: Uint8Array) => void;
    run: (name: string, refresh?: "all") => ReturnType<typeof cacheKexec>;
  }) => Promise<void>,
): Promise<void> {
  await using registry = await startRegistry();
  await using origin = startOrigin({});
  const tier = tierAt(registry.host, isTrusted);
  const put = (bytes: Uint8Array) => {
    const headers = { "x-checksum-sha256": bytesOf(bytes).toHex() };
    origin.files.set("/k.tar.gz", { body: bytes, ...(isTrusted ? {} : { headers }) });
  };
  const call = { meter: silentMeter, signal: new AbortController().signal };
  put(body);
  await inFolder(async (folder) => {
    const run = (name: string, refresh: "all" | "none" = "none") =>
      cacheKexec({ url: origin.url("/k.tar.gz"), ...quick }, {
        cache: new Cache(join(folder, name), { tier }),
        refresh,
      });
    await test({ origin, put, run });
  });
  assertEquals(await tier.find("another key", call), undefined);
  assertEquals(await tier.open(sha256("nothing"), call), undefined);
}

for (const isTrusted of [false, true]) {
  const confirmed = isTrusted ? "by its ETag" : "by its digest";
  realTest(
    `RegistryTier keeps what another machine then needs not fetch: the origin confirms it ${confirmed}`,
    [
      "docker-registry",
    ],
    () =>
      fleet(isTrusted, async ({ origin, put, run }) => {
        assertEquals((await run("first")).bytesMoved, body.length);
        const second = await run("second");
        assertEquals([second.digest, second.bytesMoved], [sha256(body), body.length]);
        assertEquals(origin.requests.map(({ status }) => status), [206, isTrusted ? 304 : 206]);
        assert(second.why.includes("team/cache has it"), second.why);
        put(newer);
        assertEquals((await run("first", "all")).why, "a refresh was asked for");
        const third = await run("second", "all");
        assertEquals([third.digest, third.bytesMoved], [sha256(newer), newer.length]);
        assert(third.why.includes("team/cache has it"), third.why);
        assertEquals(await Deno.readFile(third.path), newer);
      }),
  );
}

for (
  const [what, record] of [
    ["says nothing of the new version", undefined],
    ["has the version before", remembered(body)],
    ["has another size for it", { ...remembered(newer), size: newer.length + 1 }],
    ["gives other bytes than it says", remembered(newer)],
  ] as const
) {
  Deno.test(`a tier that ${what} is overruled by the origin in a refresh`, () =>
    withTier(async ({ tier, origin, run, again }) => {
      tier.isTrusted = true;
      tier.lies = true;
      const first = await run();
      tier.record = record;
      tier.contents = body;
      origin.files.get("/k.tar.gz")!.body = newer;
      const result = await again(first);
      assertEquals(result.digest, sha256(newer));
      assertEquals(sha256(await Deno.readFile(result.path)), sha256(newer));
    }));
}

Deno.test("a tier that has other contents than are published for a release is overruled by the origin in a refresh", () =>
  withTier(async ({ tier, origin, run, again }) => {
    tier.isTrusted = true;
    const path = "/acme/images/releases/download/v1/k.tar.gz";
    const publish = (bytes: Uint8Array) => {
      const text = JSON.stringify({ assets: [{ name: "k.tar.gz", digest: sha256(bytes) }] });
      const file = { body: new TextEncoder().encode(text) };
      origin.files.set("/repos/acme/images/releases/tags/v1", file);
    };
    origin.files.set(path, { body });
    publish(body);
    const options = { url: origin.url(path), releaseApi: origin.url("") };
    const first = await run(options);
    tier.record = { ...remembered(newer), digest: sha256(wrong) };
    tier.contents = wrong;
    origin.files.get(path)!.body = newer;
    publish(newer);
    const result = await again(first, options);
    assertEquals([result.digest, result.requests], [sha256(newer), 2]);
    assertEquals(sha256(await Deno.readFile(result.path)), sha256(newer));
  }));

Deno.test("a tier that has other contents than are published for a release is overruled by the origin at the first use", () =>
  withTier(async ({ tier, origin, run }) => {
    tier.isTrusted = true;
    const path = "/acme/images/releases/download/v1/k.tar.gz";
    const text = JSON.stringify({ assets: [{ name: "k.tar.gz", digest: sha256(newer) }] });
    const file = { body: new TextEncoder().encode(text) };
    origin.files.set("/repos/acme/images/releases/tags/v1", file);
    origin.files.set(path, { body: newer });
    tier.record = { ...remembered(newer), digest: sha256(wrong) };
    tier.contents = wrong;
    const result = await run({ url: origin.url(path), releaseApi: origin.url("") });
    assertEquals(result.digest, sha256(newer));
    assertEquals(sha256(await Deno.readFile(result.path)), sha256(newer));
  }));

Deno.test("RegistryTier that nobody answers for is no harm", async () => {
  await using origin = startOrigin({ "/k.tar.gz": { body } });
  const folder = await Deno.makeTempDir({ prefix: "kedge-tier-" });
  const cache = new Cache(folder, { tier: tierAt("127.0.0.1:1") });
  const result = await cacheKexec({ url: origin.url("/k.tar.gz"), ...quick }, { cache });
  assertEquals(result.digest, sha256(body));
  await Deno.remove(folder, { recursive: true });
});
