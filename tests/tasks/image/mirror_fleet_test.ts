/** Ten machines behind one mirror. */
import { assert, assertEquals } from "@std/assert";
import { delay } from "@std/async";
import { digestHex } from "../../../lib/base/digest_text.ts";
import { lookAt } from "../../../lib/base/files.ts";
import { Layout } from "../../../lib/oci/layout/layout.ts";
import { ImageRoom } from "../../support/image_room.ts";
import { randomBytes, writeImage } from "../../support/layout.ts";
import { startNginx } from "../../support/nginx.ts";
import { realTest } from "../../support/real.ts";
import { type RunningRegistry, startRegistry } from "../../support/registry.ts";
import { layers, pull } from "../../support/mirror_pull.ts";

const machines = Array.from({ length: 10 }, (_, machine) => `machine-${machine}`);

/** Pushes an image to a registry twice, one layer changed, and tells which blobs each round of pulls asked of it. */
async function blobsAsked(
  origin: RunningRegistry,
  pullAll: (room: ImageRoom, from: string) => Promise<void>,
): Promise<string[][]> {
  await using room = await ImageRoom.make();
  const from = `docker://${origin.host}/acme/vm:v1`;
  const rounds: string[][] = [];
  for (const changed of [10, 11]) {
    await writeImage(room.path("from"), "v1", {
      layers: [...layers, randomBytes(200_000, changed)],
    });
    const { digest } = await room.sync(`oci:${room.path("from")}:v1`, from);
    await pullAll(room, from);
    for (const machine of machines) {
      assertEquals((await new Layout(room.path(machine)).find("v1"))?.digest, digest);
    }
    const lines = await origin.accesses();
    const asked = lines.filter((line) => /^GET \S+\/blobs\/sha256:/.test(line));
    rounds.push(asked.slice(rounds.flat().length));
  }
  return rounds;
}

realTest("ten machines at once behind one mirror cost the origin each changed blob once", [
  "docker-registry",
  "nginx",
], async () => {
  await using origin = await startRegistry();
  await using mirror = await startNginx({
    root: "/nowhere",
    httpConfig: "proxy_cache_path cache keys_zone=blobs:1m;",
    locationConfig: `proxy_pass ${origin.url};`,
    serverConfig: "proxy_http_version 1.1;",
    locations: `location ~ /blobs/ { proxy_pass ${origin.url}; proxy_cache blobs;
      proxy_cache_valid 200 1h; proxy_cache_lock on; proxy_cache_lock_timeout 60s;
      proxy_cache_lock_age 60s; }`,
  });
  const mirrors = [`${origin.host}=127.0.0.1:${mirror.port}`];
  const [first, second] = await blobsAsked(origin, async (room, from) => {
    await Promise.all(machines.map((machine) => pull(room, from, machine, mirrors)));
  });
  assertEquals([first!.length, new Set(first).size], [4, 4]);
  assertEquals([second!.length, new Set(second).size], [2, 2]);
});

/** Waits until a mirror has all blobs of an image: it passes one on before it kept it. */
async function keptAll(mirror: RunningRegistry, layout: Layout): Promise<void> {
  const { blobs } = (await layout.manifest((await layout.find("v1"))!.digest))!;
  const folder = `${mirror.folder}/docker/registry/v2/repositories/acme/vm/_layers/sha256`;
  for (const { digest } of blobs) {
    while (lookAt(`${folder}/${digestHex(digest)}/link`) === undefined) await delay(10);
  }
}

realTest("ten machines behind docker-registry as a mirror cost the origin what one of them costs", [
  "docker-registry",
], async () => {
  await using origin = await startRegistry();
  await using mirror = await startRegistry({ mirrorOf: origin.url });
  const mirrors = [`${origin.host}=${mirror.host}`];
  const [first, second] = await blobsAsked(origin, async (room, from) => {
    for (const machine of machines) {
      await pull(room, from, machine, mirrors);
      await keptAll(mirror, new Layout(room.path(machine)));
    }
  });
  // It fetches a blob that it lacks once to pass it on and once to keep it, and never again.
  for (const [asked, blobs] of [[first!, 4], [second!, 2]] as const) {
    assertEquals(new Set(asked).size, blobs);
    assert(asked.length <= 2 * blobs, asked.join("\n"));
  }
});
