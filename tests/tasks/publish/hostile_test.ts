/** Catalogs and caches that want more than they should get. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { join } from "@std/path";
import { VerificationError } from "../../../lib/base/errors.ts";
import type { CatalogEntry } from "../../../lib/catalog/catalog_entry.ts";
import { publishVerify } from "../../../tasks/publish/after.ts";
import { catalogList } from "../../../tasks/publish/catalog.ts";
import { FaultyCache } from "../../support/binary_cache.ts";
import { CatalogServer } from "../../support/catalog_server.ts";
import { plainGround } from "../../support/plain_paths.ts";
import { publishVersions } from "../../support/published_versions.ts";

for (const field of ["store", "read"] as const) {
  Deno.test(`publishVerify() sends no file to where the ${field} of an entry wants it`, async () => {
    await using thief = new FaultyCache();
    await using server = new CatalogServer();
    await using ground = await plainGround(2);
    const secret = join(ground.dir, "id_ed25519");
    await Deno.writeTextFile(secret, "the private key\n");
    await publishVersions(ground, 1, { catalog: server.url });
    const [kept] = [...server.entries.values()];
    for (const lure of [`token-file=${secret}`, `tls-private-key=${secret}`, "token-env=HOME"]) {
      const proofs = kept!.entry.proofs.map((proof) => ({
        ...proof,
        [field]: `${thief.url}/?${lure}`,
      }));
      kept!.entry = { ...kept!.entry, proofs };
      await assertRejects(
        () => publishVerify({ entry: "plain@1", catalog: server.url }, ground.ctx),
        VerificationError,
        "says more of the store",
      );
    }
    assertEquals(thief.requests, []);
  });
}

Deno.test("publishVerify() takes no line of a narinfo from an entry's references", async () => {
  await using server = new CatalogServer();
  await using ground = await plainGround(2);
  await publishVersions(ground, 1, { catalog: server.url });
  const [kept] = [...server.entries.values()];
  const closure = kept!.entry.closure.map((path): CatalogEntry["closure"][number] => ({
    ...path,
    references: ["a\nSig: of-nobody:AAAA"],
  }));
  kept!.entry = { ...kept!.entry, closure };
  const error = await assertRejects(
    () => publishVerify({ entry: "plain@1", catalog: server.url, repair: true }, ground.ctx),
    VerificationError,
    "which is not a store path",
  );
  assert(!error.message.includes("\n"));
});

Deno.test("catalogList() takes no name that does something where it is printed", async () => {
  await using server = new CatalogServer();
  await using ground = await plainGround(2);
  await publishVersions(ground, 1, { catalog: server.url });
  const [kept] = [...server.entries.values()];
  const { entry } = kept!;
  for (
    const wrong of [
      { id: "::set-output name=a::b" },
      { name: "::add-path::", id: `::add-path::@1/${entry.system}` },
      { version: "1\u009b2J", id: `plain@1\u009b2J/${entry.system}` },
      { created: "now\n::add-path::/evil" },
    ]
  ) {
    kept!.entry = { ...entry, ...wrong };
    await assertRejects(
      () => catalogList({ catalog: server.url }, ground.ctx),
      VerificationError,
    );
  }
});
