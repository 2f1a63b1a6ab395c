/** Many requests at once to a registry that wants to know who asks: one of them finds that out for all. */
import { assertEquals } from "@std/assert";
import { join } from "@std/path";
import { syncImages } from "../../../tasks/image/list.ts";
import { environment } from "../../support/environment.ts";
import { FakeRegistry, type FakeRegistryOptions } from "../../support/fake_registry.ts";
import { ImageRoom } from "../../support/image_room.ts";
import { writeImage } from "../../support/layout.ts";
import { writeProgram } from "../../support/program_file.ts";

const user = { name: "ada", password: "swordfish" };
const names = Array.from({ length: 12 }, (_, at) => `m${at}`);

/** Brings images to a registry all at once, and back; gives how many requests were refused each time, and whether many were under way at once. */
async function refusals(options: FakeRegistryOptions): Promise<[number[], boolean]> {
  await using room = await ImageRoom.make();
  const held = new Set<Request>();
  const many = Promise.withResolvers<boolean>();
  /** Who asks first is answered; nothing that is asked of blobs is before so many are under way. */
  const before = (request: Request) => {
    if (!request.url.includes("/blobs/")) return;
    held.add(request);
    request.signal.addEventListener("abort", () => held.delete(request));
    if (held.size > 4) many.resolve(true);
    return many.promise;
  };
  await using registry = new FakeRegistry({ latencyMs: 10, ...options, before });
  using _environment = await environment({
    KEDGE_REGISTRY_HOST: registry.host,
    KEDGE_REGISTRY_USERNAME: user.name,
    KEDGE_REGISTRY_PASSWORD: user.password,
  });
  await writeImage(room.path("from"), "v1", { layers: ["a", "b"] });
  const from = `oci:${room.path("from")}:v1`;
  const there = (name: string) => `docker://${registry.host}/${name}:v1`;
  const back = (name: string) => `oci:${room.path("to")}:${name}`;
  const refused: number[] = [];
  for (
    const images of [
      names.map((name) => ({ from, to: there(name) })),
      names.map((name) => ({ from: there(name), to: back(name) })),
    ]
  ) {
    registry.requests.length = 0;
    const result = await syncImages({ images }, room.context).finally(() => many.resolve(false));
    assertEquals(result.images.length, names.length);
    refused.push(registry.requests.filter(({ status }) => status === 401).length);
  }
  return [refused, await many.promise];
}

Deno.test("a registry that asks for a token refuses one request of a run, however many images are synced at once", async () => {
  assertEquals(await refusals({ user, token: true }), [[1, 1], true]);
});

Deno.test("a registry that asks for a password refuses one request of a run, however many images are synced at once", async () => {
  assertEquals(await refusals({ user }), [[1, 1], true]);
});

Deno.test("a registry that asks for nothing is asked for many images at once", async () => {
  assertEquals(await refusals({}), [[0, 0], true]);
});

Deno.test("a credential helper is asked once for a registry, however many images are synced to it", async () => {
  await using room = await ImageRoom.make();
  await using registry = new FakeRegistry({ user });
  const folder = room.path("programs");
  await Deno.mkdir(folder);
  const asked = join(folder, "asked");
  const answer = JSON.stringify({ Username: user.name, Secret: user.password });
  await writeProgram(
    join(folder, "docker-credential-counted"),
    `#!/bin/sh\ncat >>'${asked}'\necho >>'${asked}'\necho '${answer}'\n`,
  );
  await Deno.writeTextFile(
    join(folder, "config.json"),
    JSON.stringify({ credHelpers: { [registry.host]: "counted" } }),
  );
  using _environment = await environment({
    DOCKER_CONFIG: folder,
    PATH: `${folder}:${Deno.env.get("PATH")}`,
  });
  await writeImage(room.path("from"), "v1", { layers: ["a"] });
  const images = names.map((name) => ({
    from: `oci:${room.path("from")}:v1`,
    to: `docker://${registry.host}/${name}:v1`,
  }));
  const result = await syncImages({ images }, room.context);
  assertEquals(result.images.length, names.length);
  assertEquals(await Deno.readTextFile(asked), `${registry.host}\n`);
});
