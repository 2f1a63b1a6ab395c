import { assertEquals, assertRejects } from "@std/assert";
import { KedgeError } from "../../../lib/base/errors.ts";
import type { SshSession } from "../../../lib/ssh/ssh_session.ts";
import { awaitInstaller } from "../../../tasks/install/await_installer.ts";

const lines = (answers: Record<string, string>) =>
  Object.entries(answers).map(([name, value]) => `kedge:${name}=${value}\n`).join("");
const before = { system: "Linux", machine: "x86_64", release: "6.1", bootId: "a" };
const after = { ...before, release: "6.6", bootId: "b", installer: "y" };

/** Waits for a host that answers so, one after the other. */
async function waitFor(answers: readonly Record<string, string>[]): Promise<string> {
  const left = [...answers];
  const session = {
    target: { target: "root@web1" },
    run: () => Promise.resolve({ code: 0, stdout: lines(left.shift()!), stderr: "" }),
  } as unknown as SshSession;
  const { signal } = new AbortController();
  return (await awaitInstaller(session, { bootId: "a", timeoutMs: 60_000, signal })).release;
}

Deno.test("awaitInstaller() waits on for a host that lets it in while it goes down", async () => {
  assertEquals(await waitFor([before, {}, { ...before, bootId: "" }, after]), "6.6");
});

Deno.test("awaitInstaller() says that another system booted", async () => {
  const { installer: _, ...other } = after;
  await assertRejects(() => waitFor([other]), KedgeError, "it booted 6.6, which is not the");
});
