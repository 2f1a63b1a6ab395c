/** What no retry of a blob mends: faults of the program itself, and a blob that is gone. */
import { assertEquals, assertRejects } from "@std/assert";
import type { KedgeError } from "../../../../lib/base/errors.ts";
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

Deno.test("readBlob() says that the blob is gone, and what to do, where that shows in its middle", () =>
  withRegistry({ faults: { cutBody: 1 } }, async (client, registry) => {
    registry.store.putBlob("a/b", content);
    const error = await assertRejects(async () => {
      for await (const _piece of readBlob(client, blob, { retry })) registry.store.blobs.clear();
    });
    const { message, hint, data } = error as KedgeError;
    assertEquals(
      message,
      `Cannot find the blob ${blob.digest} of "${client.name}": the registry answered 404`,
    );
    assertEquals([hint, data["missing"]], ["have the image pushed again", blob.digest]);
  }));
