import { assert, assertEquals, assertMatch } from "@std/assert";
import { KedgeError } from "../../../lib/base/errors.ts";
import { HttpClient } from "../../../lib/http/client.ts";
import { errorData } from "../../../lib/operation/error_data.ts";
import { freePort } from "../../support/free_port.ts";

Deno.test("errorData() leaves out what is secret in the URLs of a failed fetch", async () => {
  const url = `http://127.0.0.1:${await freePort()}/x?token=s3cr3t`;
  const client = new HttpClient({ retry: { retries: 0, baseMs: 1, ceilingMs: 1 } });
  for (
    const failing of [
      () => fetch(url),
      () => client.request(url, { action: "fetch the file" }),
    ]
  ) {
    const error = await failing().then(() => undefined, (error: unknown) => error);
    const shown = JSON.stringify(errorData(error));
    assert(shown.includes("127.0.0.1"), shown);
    assert(!shown.includes("s3cr3t"), shown);
  }
});

Deno.test("errorData() leaves out what a failed fetch says around what it comes from", async () => {
  const url = `http://127.0.0.1:${await freePort()}/`;
  const cause = await fetch(url).then(() => undefined, (error: unknown) => error);
  const refused = "tcp connect error: Connection refused (os error 111)";
  const bottom = `error sending request for url (${url}): client error (Connect): ${refused}`;
  assertEquals(errorData(new KedgeError(`Cannot get it: ${refused}`, { cause })).causes, undefined);
  assertEquals(errorData(new KedgeError("Cannot get it", { cause })).causes, [bottom]);
});

Deno.test("errorData() tells each cause once, and leaves the words of our own errors as they are", () => {
  const cause = new Error("at https://me:pw@host/a?b=c", { cause: new Error("refused") });
  const error = new KedgeError('Cannot read "s3://bucket?region=eu": refused', { cause });
  const { at, ...data } = errorData(error);
  assertMatch(at ?? "", /\/error_data_test\.ts:\d+:\d+$/, "where what led to it was thrown");
  assertEquals(data, {
    name: "KedgeError",
    message: 'Cannot read "s3://bucket?region=eu": refused',
    exitCode: 1,
    causes: ["at https://host/a?…"],
  });
});

Deno.test("errorData() gives the next step after each failure of an error of several", () => {
  const hint = "log in";
  const errors = [new KedgeError("Cannot get a", { hint }), new KedgeError("Cannot get b")];
  const { causes, hints } = errorData(new AggregateError(errors, "Cannot get 2 of 3"));
  assertEquals(causes, ["Cannot get a", "Cannot get b"]);
  assertEquals(hints, [{ cause: "Cannot get a", hint }]);
  const own = new KedgeError("Cannot get 2 of 3", { cause: errors[0], hint: "look there" });
  assertEquals(errorData(own).hints, undefined);
});
