/** A large blob that a registry does not give: that it is not there, or that the account may not have it. */
import { assertEquals, assertRejects } from "@std/assert";
import { type KedgeError, NotAllowedError } from "../../../../lib/base/errors.ts";
import { silentMeter } from "../../../../lib/base/meter.ts";
import { rangesIntoFile } from "../../../../lib/oci/registry/ranges_into_file.ts";
import {
  RegistryHost,
  type RegistryHostOptions,
} from "../../../../lib/oci/registry/registry_host.ts";
import { RegistrySource } from "../../../../lib/oci/registry/registry_source.ts";
import { blob, none, retry } from "../../../support/registry_bench.ts";

/** The error of a download from a registry that answers all requests with a status. */
async function failure(
  status: number,
  credentials: RegistryHostOptions["credentials"] = none,
): Promise<{ error: unknown; host: string; asked: number }> {
  const folder = await Deno.makeTempDir();
  let asked = 0;
  await using server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, () => {
    asked++;
    const headers = status === 401 ? { "www-authenticate": 'Basic realm="it"' } : undefined;
    return Response.json({ errors: [{ code: "DENIED" }] }, {
      status,
      ...(headers && { headers }),
    });
  });
  const host = `127.0.0.1:${server.addr.port}`;
  using connection = new RegistryHost({
    host,
    side: "source",
    retry,
    credentials,
  });
  const reference = { transport: "docker" as const, host, repository: "a/b", tag: "v1" };
  using source = new RegistrySource(reference, connection, silentMeter);
  using progress = silentMeter.object(blob.digest, blob.size);
  const { signal } = new AbortController();
  const transfer = { descriptor: blob, source, progress, signal };
  try {
    const run = () => rangesIntoFile(transfer, source.downloads(blob.digest), folder, silentMeter);
    return { error: await assertRejects(run), host, asked };
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("rangesIntoFile() says that the blob is not there, and what to do, where the registry answers 404", async () => {
  const { error, host, asked } = await failure(404);
  const { name, message, hint, side, data } = error as KedgeError;
  assertEquals(name, "KedgeError");
  assertEquals(
    message,
    `Cannot find the blob ${blob.digest} of "docker://${host}/a/b:v1": the registry answered 404`,
  );
  assertEquals([hint, side], ["have the image pushed again", "source"]);
  assertEquals(data, { status: 404, missing: blob.digest });
  assertEquals(asked, 1);
});

for (const [status, requests] of [[403, 1], [401, 2]] as const) {
  Deno.test(`rangesIntoFile() says host and scope where the registry answers ${status}`, async () => {
    const account = { kind: "basic", username: "ada", password: "swordfish" } as const;
    const { error, host, asked } = await failure(status, () => Promise.resolve(account));
    const { message, side, data } = error as NotAllowedError;
    assertEquals(error instanceof NotAllowedError, true);
    assertEquals(
      message,
      `Cannot get the blob "${host}/a/b": the registry answered ${status} (DENIED)`,
    );
    assertEquals([side, data], ["source", { status, host, scope: "repository:a/b:pull" }]);
    assertEquals(asked, requests);
  });
}

Deno.test("rangesIntoFile() asks no registry again where it is the search for a login that fails", async () => {
  const fault = new Error("no such keyring");
  const { error, asked } = await failure(401, () => Promise.reject(fault));
  assertEquals([error, asked], [fault, 1]);
});
