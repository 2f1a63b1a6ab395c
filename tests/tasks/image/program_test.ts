/** Copies by the program: what it prints, how it logs in, how it ends. */
import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { sha256 } from "../../../lib/base/digest.ts";
import { Layout } from "../../../lib/oci/layout/layout.ts";
import { FakeRegistry } from "../../support/fake_registry.ts";
import { freePort } from "../../support/free_port.ts";
import { blobsOf, randomBytes, writeImage } from "../../support/layout.ts";
import { runKedge, spawnKedge } from "../../support/program.ts";
import { startRelay } from "../../support/proxy.ts";
import { realTest } from "../../support/real.ts";
import { ImageRoom } from "../../support/image_room.ts";
import { startRegistry } from "../../support/registry.ts";
import { makeCertificate } from "../../support/token_server.ts";

const layers = [randomBytes(900_000, 1), randomBytes(10_000, 2), randomBytes(300_000, 3)];
const amd64 = { layers };

realTest("syncImage() logs in by htpasswd, and says what it lacks", [
  "docker-registry",
  "htpasswd",
], async () => {
  await using room = await ImageRoom.make();
  await using registry = await startRegistry({ htpasswd: { user: "me", password: "secret-pass" } });
  await writeImage(room.path("from"), "v1", { layers: ["x"] });
  const from = `oci:${room.path("from")}:v1`;
  const to = `docker://${registry.host}/a:v1`;
  const run = (auths: Record<string, unknown>) =>
    runKedge(["image:sync", from, to, "--json"], {
      cacheDir: room.path("cache"),
      env: { DOCKER_AUTH_CONFIG: JSON.stringify({ auths }), HOME: room.folder },
    });
  const auth = (password: string) => ({ [registry.host]: { auth: btoa(`me:${password}`) } });
  const refused = await run(auth("wrong-pass"));
  assertEquals(refused.code, 5);
  assertStringIncludes(refused.stdout, "the registry answered 401");
  assertEquals((await run({})).code, 5);
  const done = await run(auth("secret-pass"));
  assertEquals(done.code, 0, done.stderr);
  assertEquals((done.stdout + done.stderr).includes("secret-pass"), false);
});

Deno.test("image:sync prints the pinned reference, and leaves no trace in a dry run", async () => {
  await using room = await ImageRoom.make();
  const image = await writeImage(room.path("from"), "v1", amd64);
  const to = `oci:${room.path("to")}:v1`;
  const args = ["image:sync", `oci:${room.path("from")}:v1`, to];
  const cacheDir = room.path("cache");
  assertEquals((await runKedge([...args, "--dry-run"], { cacheDir })).code, 0);
  await assertRejects(() => Deno.stat(room.path("to")), Deno.errors.NotFound);
  const { code, stdout, stderr } = await runKedge(args, { cacheDir });
  assertEquals([code, stdout], [0, `${to}@${image.digest}\n`], stderr);
});

Deno.test("image:sync reaches a registry on this machine past the proxy of the environment, and any other by it", async () => {
  await using room = await ImageRoom.make();
  await using registry = new FakeRegistry();
  const far = "registry.invalid:5000";
  const seen: string[] = [];
  await using proxy = startRelay(registry.url, { asked: seen });
  // Not every machine has it.
  const hasSix = Deno.networkInterfaces().some(({ address }) => address === "::1");
  await using six = hasSix ? startRelay(registry.url, { hostname: "::1" }) : undefined;
  const from = `oci:${room.path("from")}:v1`;
  await writeImage(room.path("from"), "v1", { layers: [randomBytes(2_000_000, 4), "x"] });
  // Written without a scheme, as many write it.
  const sync = async (from: string, to: string, more: Record<string, string> = {}) => {
    const { code, stderr } = await runKedge(
      ["image:sync", from, to, "--insecure-registry", far],
      {
        cacheDir: room.path("cache"),
        env: { HTTP_PROXY: proxy.host, DENO_NO_UPDATE_CHECK: "1", ...more },
      },
    );
    assertEquals(code, 0, stderr);
  };
  const near = registry.host.replace("127.0.0.1", "localhost");
  await sync(from, `docker://${near}/a:v1`);
  await sync(`docker://${registry.host}/a:v1`, `oci:${room.path("to")}:v1`);
  if (six !== undefined) await sync(from, `docker://${six.host}/six:v1`);
  assertEquals(seen, []);
  await sync(from, `docker://${far}/b:v1`);
  // fetch knows no ports in NO_PROXY: what a large blob is sent by goes the same way.
  await sync(from, `docker://${far}/c:v1`, {
    HTTP_PROXY: "",
    ALL_PROXY: proxy.host,
    NO_PROXY: `${far},REGISTRY.INVALID`,
  });
  assertEquals([seen.length > 16, new Set(seen)], [true, new Set([far])]);
});

/** Not every machine has it. */
const hasSix = Deno.networkInterfaces().some(({ address }) => address === "::1");

realTest(
  "image:sync names the proxy by which a registry was not reached, one that speaks TLS on this machine too",
  [
    "openssl",
  ],
  async () => {
    await using room = await ImageRoom.make();
    const { certificate, key } = await makeCertificate(room.folder);
    const [cert, keyText] = [await Deno.readTextFile(certificate), await Deno.readTextFile(key)];
    await using near = Deno.serve(
      { hostname: "127.0.0.1", port: await freePort(), cert, key: keyText, onListen() {} },
      () => new Response(null, { status: 404 }),
    );
    const proxy = `http://127.0.0.1:${await freePort()}`;
    const failed = async (host: string) => {
      const { code, stderr } = await runKedge(
        ["image:sync", `docker://${host}/a:v1`, `oci:${room.path("to")}:v1`],
        {
          cacheDir: room.path("cache"),
          env: { HTTP_PROXY: proxy, HTTPS_PROXY: proxy, DENO_NO_UPDATE_CHECK: "1" },
        },
      );
      assertEquals(code, 4, stderr);
      return stderr;
    };
    const how = `Connection refused (os error 111) (by the proxy "${proxy}/")`;
    assertStringIncludes(await failed("registry.invalid"), `${how}, tried 5 times`);
    const host = `127.0.0.1:${near.addr.port}`;
    assertStringIncludes(
      await failed(host),
      `${host} does not answer by TLS: tcp connect error: ${how}; if it speaks that, name 127.0.0.1 in NO_PROXY`,
    );
    if (hasSix) {
      // In NO_PROXY an address stands without its brackets.
      await using six = Deno.serve(
        { hostname: "::1", port: 0, cert, key: keyText, onListen() {} },
        () => new Response(null, { status: 404 }),
      );
      assertStringIncludes(
        await failed(`[::1]:${six.addr.port}`),
        `${how}; if it speaks that, name ::1 in NO_PROXY`,
      );
    }
    near.shutdown();
    await near.finished;
    assertStringIncludes(await failed(host), "Connection refused (os error 111), tried 5 times");
  },
);

/** Kills a program, unless it has ended by itself. */
function killIfThere(child: Deno.ChildProcess): void {
  try {
    child.kill("SIGKILL");
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
  }
}

Deno.test("image:sync ends well after kill -9 at any instant, and shows no part of a blob meanwhile", async () => {
  await using room = await ImageRoom.make();
  await using registry = new FakeRegistry({ latencyMs: 15 });
  const contents = Array.from({ length: 12 }, (_, seed) => randomBytes(400_000, seed + 10));
  const image = await writeImage(room.path("from"), "v1", { layers: contents });
  const there = `docker://${registry.host}/a:v1`;
  const ways = [[`oci:${room.path("from")}:v1`, there], [there, `oci:${room.path("to")}:v1`]];
  for (const [from, to] of ways) {
    const args = ["image:sync", from!, to!, "--concurrency=2"];
    for (const afterMs of [250, 400, 550]) {
      const child = spawnKedge(args, { cacheDir: room.path("cache") });
      const timer = setTimeout(() => killIfThere(child), afterMs);
      await child.output();
      clearTimeout(timer);
      for (const folder of ["to", "from"]) {
        const digests = await blobsOf(room.path(folder)).catch(() => []);
        for (const digest of digests) {
          const path = new Layout(room.path(folder)).blobPath(digest);
          assertEquals(sha256(await Deno.readFile(path)), digest);
        }
      }
    }
    const { code, stderr } = await runKedge(args, { cacheDir: room.path("cache") });
    assertEquals(code, 0, stderr);
  }
  assertEquals(registry.store.repository("a").tags.get("v1"), image.digest);
  assertEquals(await blobsOf(room.path("to")), await blobsOf(room.path("from")));
});
