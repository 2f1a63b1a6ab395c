/** A registry that refuses a request for good, and names a token server all the same. */
import { assertEquals, assertRejects } from "@std/assert";
import { sha256 } from "../../../../lib/base/digest.ts";
import { NotAllowedError } from "../../../../lib/base/errors.ts";
import { RegistryClient } from "../../../../lib/oci/registry/registry_client.ts";
import { RegistryHost } from "../../../../lib/oci/registry/registry_host.ts";

Deno.test("RegistryAccess asks for no token where a registry answers 403, whatever that challenges to", async () => {
  const asked: string[] = [];
  await using server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, (request) => {
    const { pathname, origin } = new URL(request.url);
    asked.push(pathname);
    if (pathname === "/token") return Response.json({ token: "let-me-in" });
    const challenge = `Bearer realm="${origin}/token",error="insufficient_scope"`;
    return Response.json({ errors: [{ code: "DENIED" }] }, {
      status: 403,
      headers: { "www-authenticate": challenge },
    });
  });
  const host = `127.0.0.1:${server.addr.port}`;
  using connection = new RegistryHost({
    host,
    credentials: () =>
      Promise.resolve({ kind: "basic", username: "ada", password: "swordfish" } as const),
  });
  const error = await assertRejects(
    () => new RegistryClient(connection, "a").manifest("v1"),
    NotAllowedError,
    "the registry answered 403 (DENIED)",
  );
  assertEquals(error.data, { status: 403, host, scope: "repository:a:pull" });
  assertEquals(asked, ["/v2/a/manifests/v1"]);
  await assertRejects(
    () => new RegistryClient(connection, "a").head(sha256("x")),
    NotAllowedError,
  );
  assertEquals(asked.includes("/token"), false);
});
