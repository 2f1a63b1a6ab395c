import { assertEquals, assertRejects } from "@std/assert";
import { KedgeError } from "../../../../lib/base/errors.ts";
import { silentMeter } from "../../../../lib/base/meter.ts";
import { HttpConnection } from "../../../../lib/nix/stores/http_connection.ts";

Deno.test("HttpConnection does not try a request again that cannot be signed, and says that it cannot", async () => {
  let signed = 0;
  const cause = new TypeError("the key is none");
  const notes: string[] = [];
  using connection = new HttpConnection({
    url: "http://127.0.0.1:1/bucket",
    retry: { retries: 3, baseMs: 1, ceilingMs: 1 },
    meter: { ...silentMeter, note: (message) => void notes.push(message) },
    signal: new AbortController().signal,
    sign: () => {
      signed++;
      return Promise.reject(cause);
    },
  });
  const asked = () => connection.request("http://127.0.0.1:1/bucket/a?token=s3cr3t", {});
  const error = await assertRejects(asked, KedgeError);
  assertEquals([signed, notes], [1, []]);
  assertEquals(
    error.message,
    "Cannot sign the request to http://127.0.0.1:1/bucket/a?…: the key is none",
  );
  assertEquals([error.name, error.side, error.cause], ["KedgeError", "destination", cause]);
});
