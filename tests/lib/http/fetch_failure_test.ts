import { assertEquals, assertRejects } from "@std/assert";
import { join } from "@std/path";
import { UnreachableError } from "../../../lib/base/errors.ts";
import { silentMeter } from "../../../lib/base/meter.ts";
import { HttpClient } from "../../../lib/http/client.ts";
import { makeCertificates } from "../../support/binary_cache.ts";
import { inFolder } from "../../support/in_folder.ts";
import { realTest } from "../../support/real.ts";

for (
  const { what, of, trusts, names, state, hint } of [
    {
      what: "nobody whom it trusts has signed",
      of: "server",
      trusts: false,
      names: "IP:127.0.0.1",
      state: "UnknownIssuer",
      hint:
        "set DENO_CERT to the file of the authority's certificate, or DENO_TLS_CA_STORE=system where the system trusts it",
    },
    {
      what: "is another host's",
      of: "server",
      trusts: true,
      names: "DNS:a.example,DNS:b.example",
      state: 'certificate not valid for name "127.0.0.1"; ' +
        'certificate is only valid for DnsName("a.example") or DnsName("b.example")',
      hint: "reach the server by a name that its certificate holds, or give it one for this name",
    },
    {
      what: "is the authority's own",
      of: "ca",
      trusts: true,
      names: "IP:127.0.0.1",
      state: "CaUsedAsEndEntity",
      hint:
        "it is an authority's own, as openssl req -x509 makes it: give the server one that an authority signed, and set DENO_CERT to that authority's",
    },
  ]
) {
  realTest(
    `HttpClient tries once and says why where the server's certificate ${what}`,
    ["openssl"],
    () =>
      inFolder(async (folder) => {
        await makeCertificates(folder, names);
        const read = (name: string) => Deno.readTextFile(join(folder, name));
        const [cert, key] = [await read(`${of}.pem`), await read(`${of}.key`)];
        await using server = Deno.serve(
          { hostname: "127.0.0.1", port: 0, cert, key, onListen() {} },
          () => new Response("hello"),
        );
        using client = Deno.createHttpClient(trusts ? { caCerts: [await read("ca.pem")] } : {});
        let count = 0;
        const http = new HttpClient({
          retry: { retries: 2, baseMs: 1, ceilingMs: 2 },
          meter: { ...silentMeter, request: () => count++ },
          fetch: (request, init) => fetch(request, { ...init, client }),
        });
        const host = `127.0.0.1:${server.addr.port}`;
        const error = await assertRejects(
          () => http.request(`https://${host}/f`),
          UnreachableError,
        );
        assertEquals(error.message, `Cannot trust the certificate of "${host}": ${state}`);
        assertEquals([error.hint, count], [hint, 1]);
      }),
  );
}

Deno.test("HttpClient tries once and says what to do where the server speaks plain HTTP", async () => {
  await using server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    () => new Response("hello"),
  );
  let count = 0;
  const http = new HttpClient({
    retry: { retries: 2, baseMs: 1, ceilingMs: 2 },
    meter: { ...silentMeter, request: () => count++ },
  });
  const host = `127.0.0.1:${server.addr.port}`;
  for (
    const [path, how] of [["f", "http://"], ["v2/a/tags/list", `--insecure-registry ${host}`]]
  ) {
    count = 0;
    const error = await assertRejects(
      () => http.request(`https://${host}/${path}`),
      UnreachableError,
    );
    assertEquals(error.message, `Cannot connect to "${host}": it does not speak TLS`);
    assertEquals([error.hint, count], [
      `if it may be spoken to in plain HTTP, write ${how}`,
      1,
    ]);
  }
});
