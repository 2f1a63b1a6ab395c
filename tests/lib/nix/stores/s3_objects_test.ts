import { assert } from "@std/assert";
import { AwsV4Signer } from "aws4fetch";
import { silentMeter } from "../../../../lib/base/meter.ts";
import { S3Objects } from "../../../../lib/nix/stores/s3_objects.ts";
import { s3Keys, startS3 } from "../../../support/s3.ts";

const region = "us-east-1";

/** Sends an object whose second half waits; gives what lets it go. */
async function putSlowly(url: string, body: Uint8Array<ArrayBuffer>) {
  const half = Promise.withResolvers<void>();
  const rest = Promise.withResolvers<void>();
  const stream = new ReadableStream<Uint8Array>({
    async start(controller) {
      controller.enqueue(body.subarray(0, body.length / 2));
      half.resolve();
      await rest.promise;
      controller.enqueue(body.subarray(body.length / 2));
      controller.close();
    },
  });
  const headers = { "x-amz-content-sha256": "UNSIGNED-PAYLOAD" };
  const signer = new AwsV4Signer({
    url,
    method: "PUT",
    headers,
    ...s3Keys,
    service: "s3",
    region,
  });
  const signed = await signer.sign();
  const put = fetch(url, { method: "PUT", headers: signed.headers, body: stream });
  await half.promise;
  return {
    async end() {
      rest.resolve();
      const answer = await put;
      assert(answer.ok, await answer.text());
    },
  };
}

/** Fails unless these are all bytes of one of these versions. */
function assertWhole(bytes: Uint8Array | undefined, ...versions: Uint8Array[]): void {
  const isWhole = versions.some((version) =>
    bytes?.length === version.length && bytes.every((byte) => byte === version[0])
  );
  assert(isWhole, `${bytes?.length} bytes came`);
}

Deno.test("S3Objects read an object whole, the old one or the new one, while others write it", async () => {
  await using server = await startS3();
  const url = `${server.endpoint}/kedge`;
  using objects = new S3Objects({
    url,
    credentials: s3Keys,
    region,
    sessions: {
      get: () => Promise.resolve(undefined),
      set: () => Promise.resolve(),
      delete: () => Promise.resolve(),
    },
    meter: silentMeter,
    signal: new AbortController().signal,
  });
  const versions = [1, 2].map((each) => new Uint8Array(each * 100_000).fill(each)) as [
    Uint8Array<ArrayBuffer>,
    Uint8Array<ArrayBuffer>,
  ];
  await objects.put("object", versions[0]);
  const slow = await putSlowly(`${url}/object`, versions[1]);
  try {
    // By then the server has got the first half.
    for (let count = 0; server.count(/^PUT/) < 2 || count < 20; count++) {
      assertWhole(await objects.get("object"), versions[0]);
    }
  } finally {
    await slow.end();
  }
  assertWhole(await objects.get("object"), versions[1]);

  const each = Array.from({ length: 60 }, (_, at) => at);
  await Promise.all([
    ...[0, 1].map(async (writer) => {
      for (const at of each) await objects.put("object", versions[(at + writer) % 2]!);
    }),
    ...[0, 1].map(async () => {
      for (const _ of each) {
        assertWhole(await objects.get("object"), ...versions);
      }
    }),
  ]);
});
