/** Challenges, tokens and refusals of registries. */
import { assertEquals, assertRejects } from "@std/assert";
import { sha256 } from "../../../../lib/base/digest.ts";
import { NotAllowedError } from "../../../../lib/base/errors.ts";
import { blob, emptyImage, inPieces, read, withRegistry } from "../../../support/registry_bench.ts";

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
    assertEquals(sha256(await read(await client.get(blob))), blob.digest);
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
    assertEquals(
      error.hint,
      `log in first: docker login ${registry.host}, ` +
        "with an account that has the scope repository:a/b:pull,push",
    );
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
