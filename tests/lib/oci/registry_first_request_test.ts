/** The first request to a registry finds out for the others whether it wants to know who asks; its troubles are its own. */
import { assertEquals, assertRejects } from "@std/assert";
import { sha256 } from "../../../lib/base/digest.ts";
import { HttpClient } from "../../../lib/http/client.ts";
import { RegistryAccess } from "../../../lib/oci/registry/registry_access.ts";
import { RegistryClient } from "../../../lib/oci/registry/registry_client.ts";
import { RegistryHost } from "../../../lib/oci/registry/registry_host.ts";

const broken = "HTTP/1.1 500 Broken\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
const found = "HTTP/1.1 200 OK\r\ncontent-length: 1\r\nconnection: close\r\n\r\n";

/** A registry that gives such an answer until it is asked for another repository than `first`. */
async function serve(listener: Deno.Listener, trouble: string): Promise<void> {
  let isOtherAsked = false;
  for await (const connection of listener) {
    using _connection = connection;
    const head = new Uint8Array(4096);
    const read = await connection.read(head) ?? 0;
    if (new TextDecoder().decode(head.subarray(0, read)).includes("/other/")) isOtherAsked = true;
    await connection.write(new TextEncoder().encode(isOtherAsked ? found : trouble));
  }
}

for (const [trouble, how] of [[broken, "is answered 500"], ["", "gets no answer"]] as const) {
  Deno.test(`a first request that ${how}, and is tried again, keeps no other waiting`, async () => {
    const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const served = serve(listener, trouble);
    {
      using host = new RegistryHost({
        host: `127.0.0.1:${listener.addr.port}`,
        retry: { retries: 500, baseMs: 1, ceilingMs: 1 },
      });
      const clients = ["first", "other"].map((name) => new RegistryClient(host, name));
      const heads = await Promise.all(clients.map((client) => client.head(sha256("x"))));
      assertEquals(heads, [{ size: 1 }, { size: 1 }]);
    }
    listener.close();
    await served;
  });
}

Deno.test("a request ends with its own abort while the first request is not answered", async () => {
  const base = new URL("https://a.example/v2/");
  const access = new RegistryAccess({
    host: base.host,
    origin: { base, plain: false },
    http: new HttpClient(),
  });
  const answer = Promise.withResolvers<Response>();
  const first = access.request("first", base, {}, () => answer.promise);
  const own = new AbortController();
  let isSent = false;
  const other = access.request("other", base, { signal: own.signal }, () => {
    isSent = true;
    return answer.promise;
  });
  own.abort(new Error("enough"));
  await assertRejects(() => other, Error, "enough");
  answer.resolve(new Response());
  assertEquals([(await first).status, isSent], [200, false]);
});
