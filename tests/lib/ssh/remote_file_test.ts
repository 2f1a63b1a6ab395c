import { assertEquals, assertRejects } from "@std/assert";
import { encodeHex } from "@std/encoding";
import { sha256 } from "../../../lib/base/digest.ts";
import { KedgeError } from "../../../lib/base/errors.ts";
import { RemoteFile } from "../../../lib/ssh/remote_file.ts";

const file = new RemoteFile({ path: "/none", digest: sha256("x"), size: 1, name: "x.tar" });
const { signal } = new AbortController();
const state = (path: string, more: Record<string, string> = {}) =>
  file.state({ hasher: "sha256sum", path, ...more }, signal);

Deno.test("RemoteFile.state() takes the path that the host tells", async () => {
  assertEquals(await state(encodeHex("/home/ada/kexec/x.tar")), {
    path: "/home/ada/kexec/x.tar",
    presentBytes: 0,
    isComplete: false,
  });
});

Deno.test("RemoteFile.state() counts nothing as present of a file that is not here yet", async () => {
  const answers = { partSize: "1", partDigest: sha256("x").slice("sha256:".length) };
  assertEquals((await state(encodeHex("/x"), answers)).presentBytes, 0);
});

for (
  const [what, path] of [
    ["no path", ""],
    ["no hexadecimal", "zz"],
    ["half a byte", "2f6"],
    ["no UTF-8", "2fff"],
    ["a relative path", encodeHex("kexec/x.tar")],
  ] as const
) {
  Deno.test(`RemoteFile.state() refuses a host that tells ${what}`, async () => {
    await assertRejects(
      () => state(path),
      KedgeError,
      'Cannot send "/none": the host does not tell where it would lie there',
    );
  });
}
