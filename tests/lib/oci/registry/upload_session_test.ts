import { assertEquals, assertRejects } from "@std/assert";
import { KedgeError } from "../../../../lib/base/errors.ts";
import { RegistryHost } from "../../../../lib/oci/registry/registry_host.ts";
import { openSession } from "../../../../lib/oci/registry/upload_session.ts";

Deno.test("openSession() refuses a registry that does not say where the upload is", async () => {
  const asked: string[] = [];
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, (request) => {
    asked.push(request.method);
    return new Response(null, { status: 202 });
  });
  try {
    using host = new RegistryHost({
      host: `127.0.0.1:${server.addr.port}`,
      credentials: () => Promise.resolve(undefined),
    });
    await assertRejects(() => openSession(host, "a"), KedgeError, "the Location is missing");
    assertEquals(asked, ["POST"]);
  } finally {
    await server.shutdown();
  }
});
