/** A token server that gives an account one scope and refuses it another. */
import { assertEquals, assertRejects } from "@std/assert";
import { sha256 } from "../../../../lib/base/digest.ts";
import { NotAllowedError } from "../../../../lib/base/errors.ts";
import { RegistryClient } from "../../../../lib/oci/registry/registry_client.ts";
import { RegistryHost } from "../../../../lib/oci/registry/registry_host.ts";

/** What is asked of a token server that gives rights to read alone, in the words of its scopes. */
async function scopesAsked(run: (host: RegistryHost) => Promise<void>): Promise<string[]> {
  const asked: string[] = [];
  await using server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, (request) => {
    const { pathname, origin, searchParams } = new URL(request.url);
    if (pathname !== "/token") {
      if (request.headers.has("authorization")) return new Response(null, { status: 404 });
      const challenge = `Bearer realm="${origin}/token"`;
      return new Response(null, { status: 401, headers: { "www-authenticate": challenge } });
    }
    const scopes = searchParams.getAll("scope");
    asked.push(scopes.join(" "));
    return scopes.some((scope) => scope.includes("push"))
      ? Response.json({ errors: [{ code: "DENIED" }] }, { status: 403 })
      : Response.json({ token: "let-me-in" });
  });
  using host = new RegistryHost({
    host: `127.0.0.1:${server.addr.port}`,
    // Each search gives the login anew, as those of files do.
    credentials: () =>
      Promise.resolve({ kind: "basic", username: "ada", password: "swordfish" } as const),
  });
  await run(host);
  return asked;
}

Deno.test("RegistryAuth asks once for a scope that an account is refused whose login let in for another", async () => {
  const asked = await scopesAsked(async (host) => {
    await new RegistryClient(host, "a").head(sha256("x"));
    const write = new RegistryClient(host, "a", "pull,push");
    for (let time = 0; time < 2; time++) {
      await assertRejects(() => write.head(sha256("x")), NotAllowedError, "answered 403 (DENIED)");
    }
    // What was refused for one scope says nothing of another.
    assertEquals(await new RegistryClient(host, "c").head(sha256("x")), undefined);
  });
  assertEquals(asked, ["repository:a:pull", "repository:a:pull,push", "repository:c:pull"]);
});
