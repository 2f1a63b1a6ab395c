/** Faults of a program that reads a blob, which no retry mends. */
import { assertEquals, assertRejects } from "@std/assert";
import { readBlob } from "../../../../lib/oci/registry/read_blob.ts";
import { blob, content, read, retry, withRegistry } from "../../../support/registry_bench.ts";

Deno.test("readBlob() does not try again where it is not the connection that failed", async () => {
  let asked = 0;
  const credentials = () => {
    asked++;
    throw new TypeError("undefined is not a function");
  };
  await withRegistry({ user: { name: "a", password: "b" } }, async (client, registry) => {
    registry.store.putBlob("a/b", content);
    await assertRejects(
      () => read(readBlob(client, blob, { retry })),
      TypeError,
      "undefined is not a function",
    );
    assertEquals([asked, registry.requests.length], [1, 1]);
  }, { credentials });
});
