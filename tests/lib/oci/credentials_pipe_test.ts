import { assertEquals, assertRejects } from "@std/assert";
import { join } from "@std/path";
import { UsageError } from "../../../lib/base/errors.ts";
import { findCredentials } from "../../../lib/oci/registry/credentials.ts";

/** Does something with a folder that has a pipe for the credentials. */
async function withPipe(
  use: (pipe: string, env: (name: string) => string | undefined) => Promise<void>,
): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    const pipe = join(folder, "auth.json");
    const { success } = await new Deno.Command("mkfifo", { args: [pipe] }).output();
    assertEquals(success, true);
    await use(pipe, (name) => name === "REGISTRY_AUTH_FILE" ? pipe : undefined);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("findCredentials() has what came out of a pipe for the second repository too", () =>
  withPipe(async (pipe, env) => {
    const options = { env, writerWaitMs: 600_000 };
    const login = { username: "alice", password: "open sesame" };
    const written = Deno.writeTextFile(pipe, JSON.stringify({ auths: { "r.example": login } }));
    const expected = { kind: "basic" as const, ...login, place: pipe };
    assertEquals(await findCredentials("r.example", "a/b", options), expected);
    await written;
    assertEquals(await findCredentials("r.example", "c/d", options), expected);
  }));

Deno.test("findCredentials() waits for a while for who writes into a pipe, and names it then", () =>
  withPipe(async (pipe, env) => {
    await assertRejects(
      () => findCredentials("r.example", "a/b", { env, writerWaitMs: 1 }),
      UsageError,
      `Cannot read the credentials in "${pipe}": it is a pipe, and nobody wrote into it for 0.001 s`,
    );
  }));

Deno.test({
  name: "findCredentials() ends the reading of a pipe by its signal",
  // The thread that reads ends with the writer, perhaps after the test.
  sanitizeOps: false,
  sanitizeResources: false,
  fn: () =>
    withPipe(async (pipe, env) => {
      const stop = new AbortController();
      const options = { env, signal: stop.signal, writerWaitMs: 600_000 };
      const found = findCredentials("r.example", "a/b", options);
      // That it opens tells that there is somebody who reads.
      using _writer = await Deno.open(pipe, { write: true });
      stop.abort(new DOMException("enough", "AbortError"));
      await assertRejects(() => found, DOMException, "enough");
    }),
});

Deno.test("findCredentials() ends a wait for a pipe by its signal", () =>
  withPipe(async (_, env) => {
    const stop = new AbortController();
    const found = findCredentials("r.example", "a/b", { env, signal: stop.signal });
    stop.abort(new DOMException("enough", "AbortError"));
    await assertRejects(() => found, DOMException, "enough");
  }));
