/** Uploads that are given up: what a registry may refuse, and what it may not. */
import { assertEquals, assertRejects } from "@std/assert";
import { UnreachableError } from "../../../../lib/base/errors.ts";
import { RegistryHost } from "../../../../lib/oci/registry/registry_host.ts";
import { dropSession } from "../../../../lib/oci/registry/upload_session.ts";

async function dropped(status: number, asked: string[] = []): Promise<void> {
  await using server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, (request) => {
    asked.push(request.method);
    return new Response(null, { status });
  });
  const { port } = server.addr;
  using host = new RegistryHost({
    host: `127.0.0.1:${port}`,
    retry: { retries: 0, baseMs: 1, ceilingMs: 1 },
    credentials: () => Promise.resolve(undefined),
  });
  await dropSession(host, "a", new URL(`http://127.0.0.1:${port}/v2/a/blobs/uploads/1`));
}

for (const status of [204, 400, 403, 404, 405, 410, 501]) {
  Deno.test(`dropSession() is content with a registry that answers ${status}`, async () => {
    const asked: string[] = [];
    await dropped(status, asked);
    assertEquals(asked, ["DELETE"]);
  });
}

Deno.test("dropSession() tells of a registry that fails", async () => {
  await assertRejects(() => dropped(500), UnreachableError, "500");
});
