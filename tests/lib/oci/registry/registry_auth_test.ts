/** Whoever gets no token is not let in: that is what the error is, and its exit code. */
import { assertEquals, assertRejects } from "@std/assert";
import { ExitCode, NotAllowedError } from "../../../../lib/base/errors.ts";
import type { Credentials } from "../../../../lib/oci/registry/credentials.ts";
import { RegistryClient } from "../../../../lib/oci/registry/registry_client.ts";
import { RegistryHost } from "../../../../lib/oci/registry/registry_host.ts";
import { sha256 } from "../../../../lib/base/digest.ts";

/** The failure of a request to a registry whose token server answers so. */
async function failure(
  answer: () => Response,
  credentials?: Credentials,
  realm?: string,
): Promise<NotAllowedError> {
  await using server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, (request) => {
    const { pathname, origin } = new URL(request.url);
    if (pathname === "/token") return answer();
    const challenge = `Bearer realm="${realm ?? `${origin}/token`}"`;
    return new Response(null, { status: 401, headers: { "www-authenticate": challenge } });
  });
  using host = new RegistryHost({
    host: `127.0.0.1:${server.addr.port}`,
    side: "source",
    credentials: () => Promise.resolve(credentials),
  });
  const error = await assertRejects(
    () => new RegistryClient(host, "a").head(sha256("x")),
    NotAllowedError,
  );
  assertEquals(error.exitCode, ExitCode.notAllowed);
  error.message = error.message.replaceAll(host.host, "HOST");
  return error;
}

const identity = { kind: "identity", token: "an-old-identity" } as const;
const start = 'Cannot get a token for "HOST": ';

Deno.test("RegistryAuth says that an identity token is good no longer, with the words of the server", async () => {
  const error = await failure(() =>
    Response.json(
      { error: "invalid_grant", error_description: "the refresh token expired" },
      { status: 400 },
    ), identity);
  assertEquals(
    error.message,
    `${start}http://HOST/token answered 400 (invalid_grant: the refresh token expired)`,
  );
  assertEquals(error.hint?.startsWith("the login may have run out; log in again: "), true);
});

Deno.test("RegistryAuth says that a user gets no token, with the words of the server", async () => {
  const denied = { errors: [{ code: "DENIED", message: "requested access is denied" }] };
  const error = await failure(() => Response.json(denied, { status: 403 }), {
    kind: "basic",
    username: "ada",
    password: "swordfish",
  });
  assertEquals(
    error.message,
    `${start}http://HOST/token?… answered 403 (DENIED: requested access is denied)`,
  );
  assertEquals(
    error.hint,
    "check the user and the password, and whether that account has the scope repository:a:pull",
  );
  assertEquals(error.side, "source");
});

Deno.test("RegistryAuth calls it not allowed where the token server gives none, or may not be asked", async () => {
  const empty = await failure(() => Response.json({ expires_in: 60 }));
  assertEquals(empty.message, `${start}the answer of http://HOST/token?… holds none`);
  const page = await failure(() => new Response("<html>hello</html>"));
  assertEquals(page.message, empty.message);
  const realm = await failure(() => new Response(), undefined, "ftp://auth.example/token");
  assertEquals(realm.message, `${start}its realm "ftp://auth.example/token" is not an https URL`);
});

for (const how of ["does not come", "breaks off"]) {
  Deno.test(`RegistryAuth says of a refusal what is known of it where the rest of its words ${how}`, async () => {
    const error = await failure(() => {
      const body = new ReadableStream<Uint8Array<ArrayBuffer>>({
        start: (controller) => controller.enqueue(new TextEncoder().encode('{"errors":')),
        pull: (controller) => {
          if (how === "breaks off") controller.close();
        },
      });
      return new Response(body, { status: 401, headers: { "content-length": "100" } });
    });
    assertEquals(error.message, `${start}http://HOST/token?… answered 401`);
  });
}
