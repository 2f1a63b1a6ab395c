import { assertEquals, assertRejects } from "@std/assert";
import { sha256 } from "../../../../lib/base/digest.ts";
import { KedgeError, VerificationError } from "../../../../lib/base/errors.ts";
import { blobBody } from "../../../../lib/oci/registry/blob_body.ts";

const digest = sha256("bytes");
const place = { name: "docker://registry.lan/a" };

Deno.test("blobBody() gives a body whose size is as it must be, or is not told in one number", async () => {
  for (const length of [undefined, "5", "5, 5", "", "five", "-1"]) {
    const headers = new Headers(length === undefined ? {} : { "content-length": length });
    const body = await blobBody(new Response("bytes", { headers }), { digest, size: 5 }, place);
    assertEquals(await new Response(body).text(), "bytes", `${length}`);
  }
});

Deno.test("blobBody() refuses a body of another size, and one that is not there", async () => {
  const other = new Response("bytes", { headers: { "content-length": "6" } });
  await assertRejects(
    () => blobBody(other, { digest, size: 5 }, place),
    VerificationError,
    "it has 6 bytes there instead of 5",
  );
  await assertRejects(
    () => blobBody(new Response("", { status: 404 }), { digest, size: 5 }, place),
    KedgeError,
    "the registry answered 404",
  );
});
