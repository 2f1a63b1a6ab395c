import { assertEquals, assertRejects } from "@std/assert";
import { sha256 } from "../../../../lib/base/digest.ts";
import { KedgeError } from "../../../../lib/base/errors.ts";
import { type Manifest, parseManifest } from "../../../../lib/oci/manifest.ts";
import { MediaType } from "../../../../lib/oci/media_type.ts";
import { RegistryHost } from "../../../../lib/oci/registry/registry_host.ts";
import { RegistryReferrers } from "../../../../lib/oci/registry/registry_referrers.ts";
import { withReferrer } from "../../../../lib/oci/referrers.ts";

function signature(text: string): Manifest {
  const config = { mediaType: MediaType.empty, digest: sha256(text), size: text.length };
  const json = { schemaVersion: 2, mediaType: MediaType.ociManifest, config, layers: [] };
  return parseManifest(new TextEncoder().encode(JSON.stringify(json)), { name: text });
}

/** A repository that refuses lists with what it lacks, by this status, and what was put and looked for there. */
function repository(standing: readonly Manifest[], there: readonly Manifest[], status: number) {
  let list: Manifest | undefined;
  for (const each of standing) list = withReferrer(list?.manifests ?? [], each);
  const asked: string[] = [];
  const has = (digest: string) => there.some((each) => each.digest === digest);
  const host = new RegistryHost({ host: "127.0.0.1:1" });
  const referrers = new RegistryReferrers({
    host,
    repository: "a",
    may: "pull,push",
    name: "127.0.0.1:1/a",
    url: (path) => new URL(path, host.base),
    manifest: () => Promise.resolve(list),
    headManifest: (digest) => {
      asked.push("HEAD");
      return Promise.resolve(has(digest) ? {} : undefined);
    },
    putManifest: (_tag, manifest) => {
      asked.push(`PUT ${manifest.manifests.length}`);
      const lacking = manifest.manifests.some(({ digest }) => !has(digest));
      if (lacking || status === 500) {
        return Promise.reject(new KedgeError("Cannot put the list", { data: { status } }));
      }
      list = manifest;
      return Promise.resolve();
    },
  });
  const listed = () => list?.manifests.map(({ digest }) => digest);
  return { referrers, asked, listed, [Symbol.dispose]: () => host[Symbol.dispose]() };
}

const [one, two, three] = ["1", "2", "3"].map(signature) as [Manifest, Manifest, Manifest];
const subject = sha256("an image");

for (const status of [400, 404]) {
  Deno.test(`RegistryReferrers takes off its list what is gone, where the registry answers ${status} to it`, async () => {
    using made = repository([one, two], [two, three], status);
    await made.referrers.add(subject, three);
    assertEquals(made.listed(), [two.digest, three.digest]);
    assertEquals(made.asked, ["PUT 3", "HEAD", "HEAD", "PUT 2"]);
    await made.referrers.add(subject, three);
    assertEquals(made.asked.length, 4);
  });
}

Deno.test("RegistryReferrers tells why its list is not taken where nothing of it is gone, or something else is wrong", async () => {
  // The registry lacks what is to be put on the list.
  using lacking = repository([one], [one], 404);
  await assertRejects(() => lacking.referrers.add(subject, three), KedgeError, "Cannot put");
  assertEquals(lacking.asked, ["PUT 2", "HEAD"]);
  using broken = repository([one], [three], 500);
  await assertRejects(() => broken.referrers.add(subject, three), KedgeError, "Cannot put");
  assertEquals(broken.asked, ["PUT 2"]);
});
