import { assertEquals } from "@std/assert";
import * as fc from "fast-check";
import { parseChallenges } from "../../../../lib/oci/registry/challenge.ts";

Deno.test("parseChallenges() reads a Bearer challenge", () => {
  assertEquals(
    parseChallenges(
      'Bearer realm="https://auth.example/token",service="reg",scope="repository:a/b:pull,push"',
    ),
    [{
      scheme: "bearer",
      parameters: {
        realm: "https://auth.example/token",
        service: "reg",
        scope: "repository:a/b:pull,push",
      },
    }],
  );
});

Deno.test("parseChallenges() reads several challenges, escapes and bare tokens", () => {
  assertEquals(parseChallenges('Negotiate, Basic realm="a \\"b\\"", Bearer realm=x , service=y'), [
    { scheme: "negotiate", parameters: {} },
    { scheme: "basic", parameters: { realm: 'a "b"' } },
    { scheme: "bearer", parameters: { realm: "x", service: "y" } },
  ]);
});

Deno.test("parseChallenges() ends on anything", () => {
  assertEquals(parseChallenges(null), []);
  assertEquals(parseChallenges('="'), []);
  fc.assert(fc.property(fc.string(), (text) => void parseChallenges(text)));
});
