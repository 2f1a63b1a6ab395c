/** Disks in registries, and in mirrors of registries, that speak TLS and ask for a password. @module */
import { assertEquals, assertStringIncludes } from "@std/assert";
import { pushDisk } from "../../../tasks/disk/disk.ts";
import { noise } from "../../support/disk.ts";
import { DiskWorld } from "../../support/disk_world.ts";
import { type Nginx, startNginx } from "../../support/nginx.ts";
import { type ProgramResult, runKedge } from "../../support/program.ts";
import { realTest } from "../../support/real.ts";
import { type RunningRegistry, startRegistry } from "../../support/registry.ts";
import { makeCertificate } from "../../support/token_server.ts";

const needs = ["docker-registry", "nginx", "openssl", "htpasswd"];
const password = "secret-pass";
const data = noise(6_000_000);

/** A registry that asks for a password, behind TLS. */
interface Secured extends AsyncDisposable {
  readonly registry: RunningRegistry;
  readonly nginx: Nginx;
  /** Where it is spoken to. */
  readonly host: string;
}

/** Starts one, of a user. */
async function secured(
  tls: { certificate: string; key: string },
  user: string,
  root: string,
): Promise<Secured> {
  const stack = new AsyncDisposableStack();
  const registry = stack.use(await startRegistry({ htpasswd: { user, password } }));
  const nginx = stack.use(
    await startNginx({
      root,
      tls,
      locationConfig: `proxy_pass ${registry.url}; proxy_set_header Host $http_host; ` +
        "proxy_set_header X-Forwarded-Proto https; proxy_request_buffering off;",
    }),
  );
  return {
    registry,
    nginx,
    host: `127.0.0.1:${nginx.port}`,
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

/** A world in which programs trust the certificate, and know passwords. */
async function ground(world: DiskWorld) {
  await Deno.mkdir(world.path("tls"));
  const tls = await makeCertificate(world.path("tls"));
  let [caches, trusts] = [0, true];
  return {
    distrust: () => trusts = false,
    start: (user: string) => secured(tls, user, world.path("tls")),
    run: async (users: Record<string, string>, ...args: string[]): Promise<ProgramResult> => {
      const auths = Object.fromEntries(
        Object.entries(users).map(([host, user]) => [host, { auth: btoa(user) }]),
      );
      const result = await runKedge([...args, "--verbose"], {
        cacheDir: world.path(`cache-${caches++}`),
        env: {
          HOME: world.folder,
          ...trusts ? { DENO_CERT: tls.certificate } : {},
          DOCKER_AUTH_CONFIG: JSON.stringify({ auths }),
        },
      });
      for (const text of [password, btoa(`me:${password}`)]) {
        assertEquals((result.stdout + result.stderr).includes(text), false);
      }
      return result;
    },
  };
}

realTest(
  "the disk tasks log in to a registry that speaks TLS and asks for a password",
  needs,
  async () => {
    await using world = await DiskWorld.make();
    const { start, run } = await ground(world);
    await using there = await start("me");
    const users = { [there.host]: `me:${password}` };
    const reference = `docker://${there.host}/acme/disk:1`;
    const file = await world.write("disk", data);
    const out = world.path("out");
    for (
      const args of [
        ["disk:push", file, reference],
        ["disk:pull", reference, out],
        ["disk:inspect", reference],
        ["disk:diff", reference, reference],
        ["disk:push", file, `docker://${there.host}/other/disk:1`, "--base", reference],
      ]
    ) {
      const { code, stderr } = await run(users, ...args);
      assertEquals(code, 0, stderr);
    }
    await world.holds("out", data);
    await world.write("out", data.with(5, data[5]! ^ 1));
    const repair = await run(users, "disk:verify", "--repair", reference, out);
    assertEquals(repair.code, 0, repair.stderr);
    await world.holds("out", data);
    for (const wrong of [{}, { [there.host]: "me:wrong" }]) {
      const { code, stderr } = await run(wrong, "disk:pull", reference, world.path("none"));
      assertEquals(code, 5, stderr);
      assertStringIncludes(stderr, "hint: ");
    }
  },
);

realTest("a disk comes from a mirror that speaks TLS and asks for a password", needs, async () => {
  await using world = await DiskWorld.make();
  const { start, run } = await ground(world);
  await using mirror = await start("me");
  const file = await world.write("disk", data);
  const users = { [mirror.host]: `me:${password}` };
  const pushed = await run(users, "disk:push", file, `docker://${mirror.host}/hub/acme/disk:1`);
  assertEquals(pushed.code, 0, pushed.stderr);
  const reference = "docker://nowhere.invalid/acme/disk:1";
  const out = world.path("out");
  for (const auth of [mirror.host, `${mirror.host}/hub`]) {
    const { code, stderr } = await run(
      { [auth]: `me:${password}`, "nowhere.invalid": "other:one" },
      ...["disk:pull", reference, out, "--mirror", `nowhere.invalid=${mirror.host}/hub`],
    );
    assertEquals(code, 0, stderr);
    await world.holds("out", data);
    await Deno.remove(out);
  }
});

realTest(
  "a disk comes from its registry where a mirror lets nobody in, and neither is told the other's password",
  needs,
  async () => {
    await using world = await DiskWorld.make();
    const { start, run } = await ground(world);
    await using origin = await start("me");
    await using mirror = await start("you");
    const file = await world.write("disk", data);
    const users = { [origin.host]: `me:${password}` };
    const reference = `docker://${origin.host}/acme/disk:1`;
    const pushed = await run(users, "disk:push", file, reference);
    assertEquals(pushed.code, 0, pushed.stderr);
    const out = world.path("out");
    for (const more of [{}, { [mirror.host]: "you:wrong" }]) {
      const { code, stderr } = await run(
        { ...users, ...more },
        ...["disk:pull", reference, out, "--mirror", `${origin.host}=${mirror.host}`],
      );
      assertEquals(code, 0, stderr);
      assertStringIncludes(stderr, "going on with the next place");
      await world.holds("out", data);
      await Deno.remove(out);
    }
    const asked = await mirror.registry.accesses();
    assertEquals(asked.every((line) => line.endsWith(" 401")), true, asked.join("\n"));
  },
);

realTest(
  "a disk comes from its registry where the certificate of a mirror is not to be trusted",
  needs,
  async () => {
    await using world = await DiskWorld.make();
    const { start, run, distrust } = await ground(world);
    await using origin = await startRegistry();
    await using mirror = await start("me");
    distrust();
    const file = await world.write("disk", data);
    const reference = `docker://${origin.host}/acme/disk:1`;
    await pushDisk({ file, reference }, world.machine());
    const args = ["disk:pull", reference, world.path("out")];
    const users = { [mirror.host]: `me:${password}` };
    const { code, stderr } = await run(users, ...args, "--mirror", `${origin.host}=${mirror.host}`);
    assertEquals(code, 0, stderr);
    assertStringIncludes(stderr, "Cannot trust the certificate");
    await world.holds("out", data);
    assertEquals(await mirror.registry.accesses(), []);
  },
);
