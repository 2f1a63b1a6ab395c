import { assert, assertEquals, assertRejects } from "@std/assert";
import { sha256 } from "../../../../lib/base/digest.ts";
import {
  KedgeError,
  NotAllowedError,
  UnreachableError,
  VerificationError,
} from "../../../../lib/base/errors.ts";
import { silentMeter } from "../../../../lib/base/meter.ts";
import type { Descriptor } from "../../../../lib/oci/descriptor.ts";
import { parseManifest } from "../../../../lib/oci/manifest.ts";
import { MediaType } from "../../../../lib/oci/media_type.ts";
import { RangeRefusedError } from "../../../../lib/oci/registry/range_refused_error.ts";
import { readBlob } from "../../../../lib/oci/registry/read_blob.ts";
import { RegistryClient } from "../../../../lib/oci/registry/registry_client.ts";
import { uploadLocation } from "../../../../lib/oci/registry/upload_location.ts";
import {
  RegistryHost,
  type RegistryHostOptions,
} from "../../../../lib/oci/registry/registry_host.ts";
import { FakeRegistry, type FakeRegistryOptions } from "../../../support/fake_registry.ts";
import { randomBytes } from "../../../support/layout.ts";

const retry = { retries: 3, baseMs: 1, ceilingMs: 5 };
const content = randomBytes(3_000_000);
const blob: Descriptor = {
  mediaType: MediaType.ociLayer,
  digest: sha256(content),
  size: content.byteLength,
};
const none = () => Promise.resolve(undefined);

async function withRegistry(
  options: FakeRegistryOptions,
  run: (client: RegistryClient, registry: FakeRegistry) => Promise<void>,
  host: Partial<RegistryHostOptions> = {},
): Promise<void> {
  await using registry = new FakeRegistry(options);
  using connection = new RegistryHost({
    host: registry.host,
    retry,
    credentials: none,
    ...host,
  });
  await run(new RegistryClient(connection, "a/b", "pull,push"), registry);
}

async function read(stream: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const parts: Uint8Array<ArrayBuffer>[] = [];
  for await (const part of stream) parts.push(part.slice());
  return new Uint8Array(await new Blob(parts).arrayBuffer());
}

async function* inPieces(start: number): AsyncIterable<Uint8Array> {
  for (let at = start; at < content.byteLength; at += 700_000) {
    yield await Promise.resolve(content.subarray(at, at + 700_000));
  }
}

const emptyImage = parseManifest(
  new TextEncoder().encode(JSON.stringify({
    schemaVersion: 2,
    config: { mediaType: MediaType.empty, digest: sha256("{}"), size: 2 },
    layers: [],
  })),
  { name: "test" },
);

Deno.test("RegistryClient puts, looks for and gets a blob", () =>
  withRegistry({}, async (client, registry) => {
    assertEquals(await client.head(blob.digest), undefined);
    await client.putBlob(blob, inPieces);
    assertEquals(await client.head(blob.digest), { size: blob.size });
    assertEquals(sha256(await read(await client.get(blob.digest))), blob.digest);
    assertEquals(
      await read((await client.getRange(blob.digest, 10, 99)).body),
      content.subarray(10, 100),
    );
    assertEquals(registry.log.map((line) => line.split(" ")[0] + line.slice(-4)), [
      "HEAD 404",
      "POST 202",
      "PUT 201",
      "HEAD 200",
      "GET 200",
      "GET 206",
    ]);
  }));

Deno.test("RegistryClient.getRange() asks for closed ranges only", () =>
  withRegistry({ quirks: ["open-range-416"] }, async (client, registry) => {
    registry.store.putBlob("a/b", content);
    assertEquals(
      (await read((await client.getRange(blob.digest, 5, blob.size - 1)).body)).length,
      blob.size - 5,
    );
    assertEquals(registry.requests[0]!.range, `bytes=5-${blob.size - 1}`);
  }));

Deno.test("RegistryClient.getRange() refuses a whole blob before it reads it", () =>
  withRegistry({ quirks: ["ignore-range"] }, async (client, registry) => {
    registry.store.putBlob("a/b", content);
    await assertRejects(
      () => client.getRange(blob.digest, 5, 9),
      RangeRefusedError,
      "the registry answered 200",
    );
  }));

Deno.test("RegistryClient.getRange() tells how much of a range comes, and refuses crumbs", () =>
  withRegistry({ quirks: ["short-range"] }, async (client, registry) => {
    registry.store.putBlob("a/b", content);
    const { body, size } = await client.getRange(blob.digest, 10, blob.size - 1);
    assertEquals([size, await read(body)], [300_000, content.subarray(10, 300_010)]);
    registry.quirks.add("tiny-range");
    await assertRejects(
      () => client.getRange(blob.digest, 10, 99),
      RangeRefusedError,
      `the registry answered 206 with bytes 10-10/${blob.size}`,
    );
    assertEquals((await client.getRange(blob.digest, 10, 10)).size, 1);
  }));

Deno.test("RegistryClient.mount() takes a blob over, gives the upload that was opened instead, or nothing", () =>
  withRegistry({}, async (client, registry) => {
    registry.store.putBlob("other", content);
    assertEquals(await client.mount(blob.digest, "other"), true);
    assertEquals(await client.head(blob.digest), { size: blob.size });
    registry.quirks.add("no-mount");
    const location = await client.mount(blob.digest, "other");
    assert(location instanceof URL);
    registry.quirks.add("mount-refused");
    assertEquals(await client.mount(blob.digest, "other"), undefined);
  }));

Deno.test("RegistryClient reads tags page by page", () =>
  withRegistry({ tagsPerPage: 3 }, async (client, registry) => {
    const names = ["a", "b", "c", "d", "e", "f", "g"];
    for (const name of names) registry.store.putManifest("a/b", emptyImage, name);
    assertEquals(await Array.fromAsync(client.tags()), names);
    assertEquals(registry.requests.length, 3);
  }));

Deno.test("RegistryClient puts and gets manifests, and is told that one is unchanged", () =>
  withRegistry({}, async (client, registry) => {
    registry.store.putBlob("a/b", new TextEncoder().encode("{}"));
    await client.putManifest("v1", emptyImage);
    assertEquals((await client.headManifest("v1"))?.digest, emptyImage.digest);
    const manifest = await client.manifest("v1");
    assert(manifest !== undefined && manifest !== "unchanged");
    assertEquals(manifest.bytes, emptyImage.bytes);
    assertEquals(await client.manifest("v1", { unless: emptyImage.digest }), "unchanged");
    assertEquals(await client.deleteManifest("v1"), true);
    assertEquals(await client.manifest("v1"), undefined);
  }));

Deno.test("RegistryClient puts an index again of which the registry came upon a part that was being put anew", () =>
  withRegistry({ faults: { halfManifest: 3 * retry.retries } }, async (client, registry) => {
    const text = JSON.stringify({ schemaVersion: 2, mediaType: MediaType.ociIndex, manifests: [] });
    const index = parseManifest(new TextEncoder().encode(text), { name: "test" });
    await client.putManifest("all", index);
    assertEquals((await client.headManifest("all"))?.digest, index.digest);
    registry.faults.halfManifest = 3 * retry.retries + 1;
    const error = await assertRejects(() => client.putManifest("other", index), KedgeError);
    assertEquals(
      error.message,
      `Cannot put the manifest ${registry.host}/a/b:other: the registry answered 400 (DIGEST_INVALID: digest_invalid)`,
    );
  }));

Deno.test("RegistryClient believes the hash of a manifest, not its header, then or later", () =>
  withRegistry({ quirks: ["lying-digest-header"] }, async (client, registry) => {
    registry.store.putManifest("a/b", emptyImage, "v1");
    const manifest = await client.manifest("v1");
    assert(manifest !== undefined && manifest !== "unchanged");
    assertEquals(manifest.digest, emptyImage.digest);
    assertEquals((await client.headManifest("v1"))?.digest, emptyImage.digest);
    registry.quirks.clear();
    await client.manifest(emptyImage.digest);
    registry.quirks.add("lying-digest-header");
    assertEquals((await client.headManifest("v1"))?.digest, emptyImage.digest);
  }));

Deno.test("RegistryClient hashes a manifest itself where the header is left out", () =>
  withRegistry({ quirks: ["no-digest-header"] }, async (client, registry) => {
    registry.store.putManifest("a/b", emptyImage, "v1");
    assertEquals((await client.headManifest("v1"))?.digest, emptyImage.digest);
  }));

Deno.test("RegistryClient refuses a manifest of another digest than was asked for", () =>
  withRegistry({}, async (client, registry) => {
    const wanted = sha256("something else");
    registry.store.repository("a/b").manifests.set(wanted, emptyImage);
    await assertRejects(() => client.manifest(wanted), VerificationError, `not ${wanted}`);
  }));

Deno.test("RegistryClient stops reading a manifest at 4 MiB", () =>
  withRegistry({}, async (client, registry) => {
    const bytes = new Uint8Array(5 * 1024 * 1024);
    registry.store.putManifest("a/b", { mediaType: MediaType.ociManifest, bytes }, "v1");
    await assertRejects(() => client.manifest("v1"), VerificationError, "more than 4194304 bytes");
  }));

Deno.test("RegistryClient tells an HTML page from a manifest", () =>
  withRegistry({ quirks: ["html"] }, async (client) => {
    const error = await assertRejects(() => client.manifest("v1"), VerificationError, "HTML page");
    assertEquals(error.exitCode, 3);
  }));

Deno.test("RegistryClient answers Basic and Bearer challenges", async () => {
  const user = { name: "me", password: "pass" };
  for (const token of [false, true]) {
    await withRegistry(
      { user, token },
      async (client, registry) => {
        registry.store.putManifest("a/b", emptyImage, "v1");
        await client.manifest("v1");
        await client.manifest("v1");
        assertEquals(
          registry.requests.map(({ method, path, status }) =>
            `${method} ${path.split("?")[0]} ${status}`
          ),
          token
            ? [
              "GET /v2/a/b/manifests/v1 401",
              "GET /token 200",
              "GET /v2/a/b/manifests/v1 200",
              "GET /v2/a/b/manifests/v1 200",
            ]
            : [
              "GET /v2/a/b/manifests/v1 401",
              "GET /v2/a/b/manifests/v1 200",
              "GET /v2/a/b/manifests/v1 200",
            ],
        );
      },
      {
        credentials: () =>
          Promise.resolve({ kind: "basic" as const, username: "me", password: "pass" }),
      },
    );
  }
});

Deno.test("RegistryClient trades an identity token by POST", () =>
  withRegistry({ user: { name: "x", password: "y" }, token: true }, async (client, registry) => {
    await client.head(blob.digest);
    assertEquals(registry.requests[1]!.method, "POST");
  }, { credentials: () => Promise.resolve({ kind: "identity" as const, token: "id" }) }));

for (
  const [told, tokenAnswer] of [
    ["null for a token that has another name", {
      token: null,
      access_token: "token-1-of-the-fake-registry",
    }],
    ["nothing of its lifetime", { expires_in: undefined }],
    ["null for its lifetime", { expires_in: null }],
    ["no lifetime at all", { expires_in: 0 }],
    ["a lifetime that is none", { expires_in: -5 }],
    ["a lifetime as a text", { expires_in: "300" }],
  ] as const
) {
  Deno.test(`RegistryClient fetches one token where a server says ${told}`, () =>
    withRegistry({ token: true, tokenAnswer }, async (client, registry) => {
      for (let times = 0; times < 3; times++) await client.head(blob.digest);
      const fetched = registry.requests.filter(({ path }) => path.startsWith("/token"));
      assertEquals(fetched.length, 1);
    }));
}

Deno.test("RegistryClient renews a token that ran out in the middle, uploads included", () =>
  withRegistry({ token: true }, async (client, registry) => {
    await client.putBlob(blob, inPieces);
    registry.faults.expireToken = 1;
    assertEquals(sha256(await read(await client.get(blob.digest))), blob.digest);
    registry.store.repository("a/b").blobs.clear();
    registry.faults.expireTokenAtPut = 1;
    await client.putBlob(blob, inPieces);
    assertEquals(registry.store.repository("a/b").blobs.has(blob.digest), true);
  }));

Deno.test("RegistryClient says status, host and scope of a refusal", () =>
  withRegistry({ user: { name: "me", password: "pass" } }, async (client, registry) => {
    const error = await assertRejects(() => client.head(blob.digest), NotAllowedError);
    assertEquals(
      error.message,
      `Cannot look for the blob "${registry.host}/a/b": the registry answered 401`,
    );
    assertEquals(error.hint, `log in first: docker login ${registry.host}`);
    assertEquals([error.exitCode, error.data["scope"]], [5, "repository:a/b:pull,push"]);
  }));

Deno.test("RegistryClient says that a registry does not take a password", () =>
  withRegistry({ user: { name: "me", password: "pass" } }, async (client, registry) => {
    const error = await assertRejects(() => client.head(blob.digest), NotAllowedError);
    assertEquals(
      error.hint,
      `the credentials are not taken; log in again: docker login ${registry.host}`,
    );
    assertEquals([error.data["status"], error.data["scope"]], [401, "repository:a/b:pull,push"]);
  }, {
    credentials: () => Promise.resolve({ kind: "basic" as const, username: "me", password: "old" }),
  }));

Deno.test("RegistryClient waits out 429 and 503", () =>
  withRegistry({ faults: { tooMany: 2, unavailable: 1 } }, async (client, registry) => {
    registry.store.putBlob("a/b", content);
    assertEquals(await client.head(blob.digest), { size: blob.size });
    assertEquals(registry.log.map((line) => line.slice(-3)), ["429", "429", "503", "200"]);
  }));

Deno.test("RegistryClient follows a redirect without its Authorization, and anew when the URL ran out", () =>
  withRegistry(
    { user: { name: "me", password: "pass" }, quirks: ["redirect"], faults: { expireUrl: 1 } },
    async (client, registry) => {
      registry.store.putBlob("a/b", content);
      assertEquals(sha256(await read(await client.get(blob.digest))), blob.digest);
      const signed = registry.requests.filter(({ path }) => path.startsWith("/signed/"));
      assertEquals(signed.map(({ scheme, status }) => [scheme, status]), [[null, 403], [
        null,
        200,
      ]]);
    },
    {
      credentials: () =>
        Promise.resolve({ kind: "basic" as const, username: "me", password: "pass" }),
    },
  ));

Deno.test("readBlob() goes on in the middle of a body that was cut", () =>
  withRegistry({ faults: { cutBody: 2 } }, async (client, registry) => {
    registry.store.putBlob("a/b", content);
    assertEquals(sha256(await read(readBlob(client, blob, { retry }))), blob.digest);
    const [first, ...later] = registry.requests.map(({ range }) => range);
    assertEquals([first, later.length], [null, 2]);
    let start = 0;
    for (const range of later) {
      // Half of what was asked for came; of that at most the read that was under way is lost.
      const cut = start + (blob.size - start) / 2;
      const [, from, end] = /^bytes=(\d+)-(\d+)$/.exec(range ?? "") ?? [];
      assertEquals(Number(end), blob.size - 1);
      start = Number(from);
      assert(start <= cut && start > cut - 512 * 1024, `${range} after a cut at ${cut}`);
    }
  }));

Deno.test("readBlob() goes on where a short range ended, which is no failure", () =>
  withRegistry({ faults: { cutBody: 1 }, quirks: ["short-range"] }, async (client, registry) => {
    registry.store.putBlob("a/b", content);
    const notes: string[] = [];
    const meter = { ...silentMeter, note: (message: string) => void notes.push(message) };
    const bytes = await read(readBlob(client, blob, { retry, meter }));
    assertEquals([bytes.length, sha256(bytes)], [blob.size, blob.digest]);
    assertEquals(notes.length, 1); // Of the body that was cut.
    assertEquals(registry.requests.filter(({ range }) => range === null).length, 1);
  }));

Deno.test("readBlob() starts over, and drops what it had, where ranges are ignored", () =>
  withRegistry({ faults: { cutBody: 1 }, quirks: ["ignore-range"] }, async (client, registry) => {
    registry.store.putBlob("a/b", content);
    assertEquals(sha256(await read(readBlob(client, blob, { retry }))), blob.digest);
  }));

Deno.test("readBlob() gives a connection up that stands still", () =>
  withRegistry({ faults: { stall: 1 } }, async (client, registry) => {
    registry.store.putBlob("a/b", content);
    const bytes = await read(readBlob(client, blob, { retry, stallMs: 100 }));
    assertEquals(sha256(bytes), blob.digest);
  }));

Deno.test("readBlob() ends when no try brings anything", () =>
  withRegistry({}, async (client, registry) => {
    registry.store.putBlob("a/b", new Uint8Array(0));
    const empty = { ...blob, digest: sha256("") };
    const error = await assertRejects(
      () => read(readBlob(client, empty, { retry })),
      UnreachableError,
      "the body ended after 0 of 3000000 bytes",
    );
    assertEquals(error.exitCode, 4);
  }));

Deno.test("RegistryClient.putBlob() opens a new upload when the session is lost", () =>
  withRegistry({ faults: { loseUpload: 2 } }, async (client, registry) => {
    const restarts: number[] = [];
    await client.putBlob(blob, inPieces, { retry, onRestart: (bytes) => restarts.push(bytes) });
    assertEquals(registry.store.repository("a/b").blobs.has(blob.digest), true);
    assertEquals(registry.log.filter((line) => line.startsWith("POST")).length, 3);
  }));

Deno.test("RegistryClient.putBlob() does not complete bytes of another digest", () =>
  withRegistry({}, async (client, registry) => {
    const other = { ...blob, digest: sha256("other") };
    await assertRejects(
      () => client.putBlob(other, inPieces, { retry }),
      VerificationError,
      "its bytes have the digest",
    );
    assertEquals(registry.store.blobs.size, 0);
  }));

Deno.test("uploadLocation() follows neither into this machine nor from https to http", () => {
  using host = new RegistryHost({ host: "registry.example", credentials: none });
  const from = new URL("https://registry.example/v2/a/blobs/uploads/");
  const lead = (location: string) =>
    uploadLocation(host, new Response(null, { headers: { location } }), from).href;
  assertEquals(
    lead("/v2/a/blobs/uploads/1?s=2"),
    "https://registry.example/v2/a/blobs/uploads/1?s=2",
  );
  assertEquals(lead("https://upload.example/1"), "https://upload.example/1");
  for (
    const bad of ["http://registry.example/1", "https://127.0.0.1/1", "ftp://x/", "https://[::1]/"]
  ) {
    let refused = false;
    try {
      lead(bad);
    } catch (error) {
      refused = error instanceof KedgeError;
    }
    assert(refused, bad);
  }
});
