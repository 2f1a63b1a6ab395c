/** What an answer means that is not the range which was asked for. */
import { assertEquals } from "@std/assert";
import { rangeRefusal } from "../../../../lib/oci/registry/range_refusal.ts";
import { blob } from "../../../support/registry_bench.ts";

for (
  const [status, range, name] of [
    [404, undefined, "KedgeError"],
    [416, "bytes */5", "VerificationError"],
  ] as const
) {
  Deno.test(`rangeRefusal() says on which side the blob is not whole, of an answer of ${status}`, () => {
    const headers = range === undefined ? undefined : { "content-range": range };
    const error = rangeRefusal(new Response(null, { status, ...(headers && { headers }) }), {
      ...blob,
      start: 1,
      end: 10,
      name: "docker://a.example/b:v1",
      side: "source",
    });
    assertEquals([error.name, error.side], [name, "source"]);
  });
}
