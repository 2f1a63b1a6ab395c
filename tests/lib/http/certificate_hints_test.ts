/** What is said of certificates with which no request can succeed: the server's, and those that this program is to trust. */
import { assertEquals, assertStringIncludes } from "@std/assert";
import { UnreachableError, UsageError } from "../../../lib/base/errors.ts";
import { fetchFailure } from "../../../lib/http/fetch_failure.ts";
import { FakeRegistry } from "../../support/fake_registry.ts";
import { inFolder } from "../../support/in_folder.ts";
import { runKedge } from "../../support/program.ts";

const clock = "the server needs a new one, if the clock of this machine is right";
const name = "reach the server by a name that its certificate holds, or give it one for this name";

for (
  const [state, hint] of [
    ["Expired", clock],
    [
      "certificate expired: verification time 9 (UNIX), but certificate is not valid after 8",
      clock,
    ],
    ["NotValidYet", clock],
    ["certificate not valid yet: verification time 7 (UNIX)", clock],
    ["NotValidForName", name],
    ['certificate not valid for name "a"; certificate is only valid for DnsName("b")', name],
    ["BadEncoding", undefined],
  ] as const
) {
  Deno.test(`fetchFailure() says what to do about a certificate: ${state}`, () => {
    const message = `client error (Connect): invalid peer certificate: ${state}`;
    const error = fetchFailure(
      new TypeError("fetch failed", { cause: new Error(message) }),
      "https://a.example/v2/",
    ) as UnreachableError;
    assertEquals(error instanceof UnreachableError, true);
    assertEquals(error.message, `Cannot trust the certificate of "a.example": ${state}`);
    assertEquals(error.hint, hint);
  });
}

Deno.test("fetchFailure() leaves an error that is not of certificates", () => {
  const error = new Error("the program is at fault");
  assertEquals(fetchFailure(error, "https://a.example/"), error);
});

for (
  const [variable, value, hint] of [
    ["DENO_CERT", "none.pem", "set DENO_CERT to the file of an authority's certificate"],
    ["DENO_CERT", ".", "set DENO_CERT to the file of an authority's certificate"],
    ["DENO_TLS_CA_STORE", "none", "set DENO_TLS_CA_STORE to system, mozilla, or both"],
  ] as const
) {
  Deno.test(`a ${variable} of ${value} is told at once, and that it is that`, () =>
    inFolder(async (folder) => {
      await using registry = new FakeRegistry();
      const { code, stderr } = await runKedge(["image:ls", `docker://${registry.host}/a`], {
        cacheDir: `${folder}/cache`,
        env: { [variable]: value === "none" ? value : `${folder}/${value}` },
      });
      assertEquals(code, new UsageError("").exitCode, stderr);
      assertStringIncludes(stderr, "Cannot use the authorities that are to be trusted: ");
      assertStringIncludes(stderr, `hint: ${hint}`);
      assertEquals(stderr.includes("trying again"), false, stderr);
    }));
}
