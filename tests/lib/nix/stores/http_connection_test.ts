import { assertEquals } from "@std/assert";
import { silentMeter } from "../../../../lib/base/meter.ts";
import { HttpObjects, type HttpObjectsOptions } from "../../../../lib/nix/stores/http_objects.ts";
import { FaultyCache } from "../../../support/binary_cache.ts";

const nar = new TextEncoder().encode("a NAR");

async function read(
  options: Partial<HttpObjectsOptions>,
  keyOf: (other: FaultyCache) => string,
  prepare: (own: FaultyCache, other: FaultyCache) => void = () => {},
): Promise<{ own: FaultyCache; other: FaultyCache }> {
  await using own = new FaultyCache();
  await using other = new FaultyCache();
  own.objects.set("nar/own.nar", nar);
  other.objects.set("nar/other.nar", nar);
  prepare(own, other);
  using objects = new HttpObjects({
    url: own.url,
    meter: silentMeter,
    signal: new AbortController().signal,
    ...options,
  });
  for (const key of ["nar/own.nar", keyOf(other)]) {
    assertEquals(await new Response(await objects.open(key)).bytes(), nar);
  }
  return { own, other };
}

Deno.test("HttpObjects show what lets them in to nobody else, where a narinfo names a NAR there", async () => {
  const { own, other } = await read(
    { authorization: "Bearer the-token" },
    ({ url }) => `${url}/nar/other.nar`,
  );
  assertEquals(own.requests[0]!.headers.get("authorization"), "Bearer the-token");
  assertEquals(other.requests.map(({ headers }) => headers.get("authorization")), [null]);
});

Deno.test("HttpObjects sign for their own server alone, wherever a redirect leads", async () => {
  const sign: HttpObjectsOptions["sign"] = ({ headers }) => {
    const signed = new Headers(headers);
    signed.set("x-amz-security-token", "the-token");
    return Promise.resolve(signed);
  };
  const { own, other } = await read({ sign }, () => "nar/moved.nar", (own, other) => {
    own.fault = ({ key }) =>
      key === "nar/moved.nar" ? Response.redirect(`${other.url}/nar/other.nar`, 307) : undefined;
  });
  assertEquals(own.requests[1]!.headers.get("x-amz-security-token"), "the-token");
  assertEquals(other.requests.map(({ headers }) => headers.get("x-amz-security-token")), [null]);
});
