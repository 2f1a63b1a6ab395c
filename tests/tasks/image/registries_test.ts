import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { delay } from "@std/async";
import { sha256 } from "../../../lib/base/digest.ts";
import { folderNames } from "../../../lib/base/files.ts";
import { readControl } from "../../../lib/http/control_file.ts";
import { Layout } from "../../../lib/oci/layout/layout.ts";
import { inFolder } from "../../support/in_folder.ts";
import { blobsOf, randomBytes, writeImage } from "../../support/layout.ts";
import { startNginx } from "../../support/nginx.ts";
import { runKedge, spawnKedge } from "../../support/program.ts";
import { realTest } from "../../support/real.ts";
import { startRegistry } from "../../support/registry.ts";
import { SlowProxy } from "../../support/slow_proxy.ts";
import { makeCertificate, startTokenServer } from "../../support/token_server.ts";

realTest("image:sync gets its tokens from a token server, one for each side", [
  "docker-registry",
  "openssl",
], () =>
  inFolder(async (folder) => {
    const user = { name: "me", password: "token-secret" };
    await using tokens = await startTokenServer({ user });
    await using registry = await startRegistry({ token: tokens.registry });
    await writeImage(`${folder}/from`, "v1", { layers: [randomBytes(100_000), "x"] });
    const there = `docker://${registry.host}/acme/vm:v1`;
    const auths = { [registry.host]: { auth: btoa("me:token-secret") } };
    const options = {
      cacheDir: `${folder}/cache`,
      env: { HOME: folder, DOCKER_AUTH_CONFIG: JSON.stringify({ auths }) },
    };
    const push = await runKedge(["image:sync", `oci:${folder}/from:v1`, there], options);
    assertEquals(push.code, 0, push.stderr);
    const pull = await runKedge(["image:sync", there, `oci:${folder}/to:v1`], options);
    assertEquals(pull.code, 0, pull.stderr);
    assertEquals(tokens.issued, [
      "repository:acme/vm:pull,push",
      "repository:acme/vm:pull",
    ]);
    assertEquals(await blobsOf(`${folder}/to`), await blobsOf(`${folder}/from`));
  }));

realTest(
  "image:sync says the scope that an account lacks",
  ["docker-registry", "openssl"],
  () =>
    inFolder(async (folder) => {
      await using tokens = await startTokenServer({ grant: (action) => action === "pull" });
      await using registry = await startRegistry({ token: tokens.registry });
      await writeImage(`${folder}/from`, "v1", { layers: ["x"] });
      const { code, stderr } = await runKedge(
        ["image:sync", `oci:${folder}/from:v1`, `docker://${registry.host}/a:v1`],
        { cacheDir: `${folder}/cache`, env: { HOME: folder } },
      );
      assertEquals(code, 5, stderr);
      assertStringIncludes(stderr, "repository:a:pull,push");
    }),
);

realTest(
  "image:sync sends what another account's repository may not lend",
  ["docker-registry", "openssl"],
  () =>
    inFolder(async (folder) => {
      await using tokens = await startTokenServer({
        grant: (_action, repository, user) => repository.startsWith(`${user}/`),
      });
      await using registry = await startRegistry({ token: tokens.registry });
      await writeImage(`${folder}/from`, "v1", { layers: [randomBytes(100_000), "x"] });
      const auths = Object.fromEntries(
        ["one", "two"].map((user) => [
          `${registry.host}/${user}`,
          { auth: btoa(`${user}:password-of-${user}`) },
        ]),
      );
      const options = {
        cacheDir: `${folder}/cache`,
        env: { HOME: folder, DOCKER_AUTH_CONFIG: JSON.stringify({ auths }) },
      };
      const one = `docker://${registry.host}/one/vm:v1`;
      const two = `docker://${registry.host}/two/vm:v1`;
      const [from, to] = [`oci:${folder}/from:v1`, `oci:${folder}/to:v1`];
      for (const args of [[from, one], [one, two, "--no-cache"], [two, to]]) {
        const { code, stderr } = await runKedge(["image:sync", ...args], options);
        assertEquals(code, 0, stderr);
      }
      assertEquals(await blobsOf(`${folder}/to`), await blobsOf(`${folder}/from`));
    }),
);

realTest(
  "image:sync speaks TLS to a registry of a trusted authority, and says what to set otherwise",
  [
    "docker-registry",
    "nginx",
    "openssl",
  ],
  () =>
    inFolder(async (folder) => {
      await Deno.mkdir(`${folder}/tls`, { recursive: true });
      const { certificate, key } = await makeCertificate(`${folder}/tls`);
      await using registry = await startRegistry();
      await using nginx = await startNginx({
        root: `${folder}/tls`,
        tls: { certificate, key },
        serverConfig: "client_max_body_size 0;",
        locationConfig: `proxy_pass ${registry.url}; proxy_set_header Host $http_host; ` +
          "proxy_set_header X-Forwarded-Proto https; proxy_request_buffering off;",
      });
      const image = await writeImage(`${folder}/from`, "v1", {
        layers: [randomBytes(200_000), "x"],
      });
      // Written this way the address is not taken for loopback, and so is spoken to over TLS.
      const there = `docker://[::ffff:7f00:1]:${nginx.port}/a:v1`;
      const args = ["image:sync", `oci:${folder}/from:v1`, there];
      const trusting = { HOME: folder, DENO_CERT: certificate };
      const done = await runKedge(args, { cacheDir: `${folder}/cache`, env: trusting });
      assertEquals(done.code, 0, done.stderr);
      assertStringIncludes(done.stdout, image.digest);
      const refused = await runKedge(args, { cacheDir: `${folder}/cache`, env: { HOME: folder } });
      assertEquals(refused.code, 4, refused.stderr);
      assertStringIncludes(refused.stderr, "Cannot trust the certificate");
      assertStringIncludes(refused.stderr, "DENO_CERT");
    }),
);

realTest(
  "image:sync speaks TLS to a registry on loopback that speaks nothing else, as to any other",
  ["docker-registry", "nginx", "openssl", "htpasswd"],
  () =>
    inFolder(async (folder) => {
      await Deno.mkdir(`${folder}/tls`, { recursive: true });
      const { certificate, key } = await makeCertificate(`${folder}/tls`);
      await using registry = await startRegistry({
        htpasswd: { user: "me", password: "secret-pass" },
      });
      await using nginx = await startNginx({
        root: `${folder}/tls`,
        tls: { certificate, key },
        locationConfig: `proxy_pass ${registry.url}; proxy_set_header Host $http_host; ` +
          "proxy_set_header X-Forwarded-Proto https; proxy_request_buffering off;",
      });
      // Large enough to be sent as a stream, and to be fetched in ranges.
      const image = await writeImage(`${folder}/from`, "v1", {
        layers: [randomBytes(24 * 1024 * 1024), "x"],
      });
      const host = `127.0.0.1:${nginx.port}`;
      const there = `docker://${host}/a:v1`;
      const auths = { [host]: { auth: btoa("me:secret-pass") } };
      const env = { HOME: folder, DOCKER_AUTH_CONFIG: JSON.stringify({ auths }) };
      const run = (from: string, to: string, more: Record<string, string>, ...flags: string[]) =>
        runKedge(["image:sync", from, to, "--json", ...flags], {
          cacheDir: `${folder}/cache-${crypto.randomUUID()}`,
          env: { ...env, ...more },
        });
      const resultOf = (stdout: string) => JSON.parse(stdout.trim().split("\n").at(-1)!).value;
      for (
        const [from, to] of [
          [`oci:${folder}/from:v1`, there],
          [there, `oci:${folder}/to:v1`],
          [there, `docker://${host}/b:v1`],
        ] as const
      ) {
        const planned = await run(from, to, { DENO_CERT: certificate }, "--dry-run");
        assertEquals(planned.code, 0, planned.stderr);
        const done = await run(from, to, { DENO_CERT: certificate });
        assertEquals(done.code, 0, done.stderr);
        assertStringIncludes(done.stdout, image.digest);
        const [first, second] = [resultOf(planned.stdout), resultOf(done.stdout)];
        assertEquals([first.changed, second.changed], [true, true]);
        // A plan does not count on a mount.
        assert(second.bytesMoved <= first.bytesMoved);
      }
      assertEquals(await blobsOf(`${folder}/to`), await blobsOf(`${folder}/from`));
      const refused = await run(there, `oci:${folder}/other:v1`, {});
      assertEquals(refused.code, 4, refused.stderr);
      assertStringIncludes(refused.stdout, "Cannot trust the certificate");
      assertStringIncludes(refused.stdout, "DENO_CERT");
      const plain = await run(there, `oci:${folder}/other:v1`, {}, "--insecure-registry", host);
      assertEquals(plain.code, 1, plain.stdout);
      assertStringIncludes(plain.stdout, "400");
    }),
);

/** The bytes of blobs that are in a layout, whole ones or not, which a kill takes nothing of. */
async function arrived(layout: string): Promise<number> {
  let bytes = 0;
  for (const digest of await blobsOf(layout).catch(() => [])) {
    bytes += (await Deno.stat(new Layout(layout).blobPath(digest))).size;
  }
  for (const name of await folderNames(`${layout}/.kedge/partials`, { foldersOnly: true })) {
    const folder = `${layout}/.kedge/partials/${name}`;
    const control = await readControl(folder, `sha256:${name}`);
    bytes += (control?.done ?? []).reduce((sum, { start, end }) => sum + end - start, 0);
  }
  return bytes;
}

realTest("image:sync moves at most half after a kill -9 behind the half of a pull", [
  "docker-registry",
], () =>
  inFolder(async (folder) => {
    await using registry = await startRegistry();
    const sizes = [70, 20, 20, 10];
    const layers = sizes.map((size, seed) => randomBytes(size * 1024 * 1024, seed + 1));
    const total = sizes.reduce((sum, size) => sum + size, 0) * 1024 * 1024;
    const image = await writeImage(`${folder}/from`, "v1", { layers });
    const there = `docker://${registry.host}/big:v1`;
    const options = { cacheDir: `${folder}/cache` };
    const pushed = await runKedge(["image:sync", `oci:${folder}/from:v1`, there], {
      cacheDir: `${folder}/cache-of-another-machine`,
    });
    assertEquals(pushed.code, 0, pushed.stderr);
    await using link = new SlowProxy({ target: registry.url, bytesPerSecond: 25 * 1024 * 1024 });
    const args = ["image:sync", `docker://${link.host}/big:v1`, `oci:${folder}/to:v1`, "--json"];
    const child = spawnKedge(args, options);
    // Read from the start: a slow one tells of more progress than a pipe holds, and would wait for a reader.
    const ended = child.output();
    while (await arrived(`${folder}/to`) < total * 0.55) {
      await delay(5);
    }
    child.kill("SIGKILL");
    await ended;
    link.passedBytes = 0;
    const again = await runKedge(args, options);
    assertEquals(again.code, 0, again.stderr);
    const share = link.passedBytes / total;
    assert(share <= 0.5, `${(share * 100).toFixed(1)} % came again`);
    assertEquals((await new Layout(`${folder}/to`).find("v1"))?.digest, image.digest);
    for (const digest of await blobsOf(`${folder}/to`)) {
      assertEquals(
        sha256(await Deno.readFile(new Layout(`${folder}/to`).blobPath(digest))),
        digest,
      );
    }
  }));
