import { assertEquals, assertRejects } from "@std/assert";
import { encodeBase64 } from "@std/encoding";
import { join } from "@std/path";
import { KedgeError, UsageError } from "../../../../lib/base/errors.ts";
import { Redactor } from "../../../../lib/base/redactor.ts";
import { type Credentials, findCredentials } from "../../../../lib/oci/registry/credentials.ts";
import { environment } from "../../../support/environment.ts";
import { writeProgram } from "../../../support/program_file.ts";

/** Finds credentials in an environment of these variables and files, written below a folder that `$` stands for. */
async function find(
  host: string,
  repository: string,
  variables: Record<string, string>,
  files: Record<string, unknown> = {},
  redactor?: Redactor,
): Promise<Credentials | undefined> {
  const folder = await Deno.makeTempDir();
  try {
    for (const [name, content] of Object.entries(files)) {
      const path = join(folder, name);
      await Deno.mkdir(join(path, ".."), { recursive: true });
      await Deno.writeTextFile(
        path,
        typeof content === "string" ? content : JSON.stringify(content),
      );
    }
    const env = (name: string) => variables[name]?.replaceAll("$", folder);
    const found = await findCredentials(host, repository, { env, redactor });
    if (found === undefined) return undefined;
    const { place: _place, ...credentials } = found;
    return credentials;
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

const auth = (pair: string) => ({ auth: encodeBase64(pair) });
const basic = (username: string, password: string) => ({
  kind: "basic" as const,
  username,
  password,
});

Deno.test("findCredentials() reads auths of docker's config.json, passwords with colons too", async () => {
  const files = { ".docker/config.json": { auths: { "ghcr.io": auth("me:pa:ss") } } };
  assertEquals(await find("ghcr.io", "a/b", { HOME: "$" }, files), basic("me", "pa:ss"));
  assertEquals(await find("quay.io", "a/b", { HOME: "$" }, files), undefined);
});

Deno.test("findCredentials() knows the names of Docker Hub", async () => {
  const files = {
    ".docker/config.json": { auths: { "https://index.docker.io/v1/": auth("me:pass") } },
  };
  assertEquals(
    await find("docker.io", "library/alpine", { HOME: "$" }, files),
    basic("me", "pass"),
  );
});

Deno.test("findCredentials() knows a host by the URL that was logged in to, whatever its path", async () => {
  for (
    const key of ["https://ghcr.io/", "http://ghcr.io", "https://ghcr.io/v1/", "https://ghcr.io/a"]
  ) {
    const files = { ".docker/config.json": { auths: { [key]: auth("me:pass") } } };
    assertEquals(await find("ghcr.io", "x/y", { HOME: "$" }, files), basic("me", "pass"), key);
    assertEquals(await find("ghcr.io:443", "x/y", { HOME: "$" }, files), undefined, key);
    assertEquals(await find("hcr.io", "x/y", { HOME: "$" }, files), undefined, key);
  }
});

Deno.test("findCredentials() prefers the most specific entry of podman's auth.json", async () => {
  const files = {
    "containers/auth.json": {
      auths: {
        "quay.io": auth("host:pass"),
        "quay.io/acme": auth("org:pass"),
        "quay.io/acme/vm": auth("repo:pass"),
      },
    },
  };
  const names = [];
  for (const repository of ["acme/vm", "acme/other", "else/vm"]) {
    const found = await find("quay.io", repository, { XDG_RUNTIME_DIR: "$" }, files);
    names.push(found?.kind === "basic" ? found.username : undefined);
  }
  assertEquals(names, ["repo", "org", "host"]);
});

Deno.test("findCredentials() asks the places in their order", async () => {
  const files = Object.fromEntries(
    ["file.json", "docker/config.json", "containers/auth.json", ".docker/config.json"].map(
      (name) => [name, { auths: { "a.example": auth(`${name}:pass`) } }],
    ),
  );
  const all: Record<string, string> = {
    KEDGE_REGISTRY_HOST: "a.example",
    KEDGE_REGISTRY_USERNAME: "env",
    KEDGE_REGISTRY_PASSWORD: "pass",
    DOCKER_AUTH_CONFIG: JSON.stringify({ auths: { "a.example": auth("inline:pass") } }),
    REGISTRY_AUTH_FILE: "$/file.json",
    DOCKER_CONFIG: "$/docker",
    XDG_RUNTIME_DIR: "$",
    HOME: "$",
  };
  const order = [];
  for (const name of Object.keys(all)) {
    const found = await find("a.example", "x", all, files);
    order.push(found?.kind === "basic" ? found.username : undefined);
    delete all[name];
  }
  assertEquals([...new Set(order)], [
    "env",
    "inline",
    "file.json",
    "docker/config.json",
    "containers/auth.json",
    ".docker/config.json",
  ]);
});

Deno.test("findCredentials() gives the environment's only to the host that it names", async () => {
  const variables = {
    KEDGE_REGISTRY_HOST: "a.example",
    KEDGE_REGISTRY_USERNAME: "u",
    KEDGE_REGISTRY_PASSWORD: "p",
  };
  assertEquals(await find("b.example", "x", variables), undefined);
});

Deno.test("findCredentials() takes the environment's host as docker writes it too", async () => {
  const names: [host: string, named: string][] = [
    ["a.example:5000", "https://A.example:5000/"],
    ["docker.io", "https://index.docker.io/v1/"],
    ["docker.io", "registry-1.docker.io"],
    ["a.example", "a.example/x"],
  ];
  for (const [host, named] of names) {
    const variables = {
      KEDGE_REGISTRY_HOST: named,
      KEDGE_REGISTRY_USERNAME: "u",
      KEDGE_REGISTRY_PASSWORD: "p",
    };
    assertEquals(await find(host, "x/y", variables), basic("u", "p"), named);
    assertEquals(await find("b.example", "x/y", variables), undefined, named);
    assertEquals(
      await find("b.example", "x/y", { ...variables, KEDGE_REGISTRY_HOST: "" }),
      undefined,
    );
  }
});

Deno.test("findCredentials() reads identity and registry tokens", async () => {
  const files = {
    ".docker/config.json": {
      auths: { "a.example": { identitytoken: "id1" }, "b.example": { registrytoken: "reg1" } },
    },
  };
  assertEquals(await find("a.example", "x", { HOME: "$" }, files), {
    kind: "identity",
    token: "id1",
  });
  assertEquals(await find("b.example", "x", { HOME: "$" }, files), {
    kind: "registry",
    token: "reg1",
  });
});

Deno.test("findCredentials() makes what it finds unspeakable", async () => {
  const redactor = new Redactor();
  const files = { ".docker/config.json": { auths: { "a.example": auth("me:very-secret") } } };
  await find("a.example", "x", { HOME: "$" }, files, redactor);
  assertEquals(redactor.redact("it is very-secret"), "it is [redacted]");
});

Deno.test("findCredentials() takes null and empty texts for what is not there, as docker and podman do", async () => {
  const found = (config: string) =>
    find("h.test", "a/b", { HOME: "$" }, { ".docker/config.json": config });
  const [me] = [auth("me:pass").auth];
  const entry = JSON.stringify({ "h.test": { auth: me, identitytoken: null, username: null } });
  const none = [
    ...["null", "", '{"auths":null,"credHelpers":null,"credsStore":null}'],
    ...['{"auths":{"h.test":null}}', '{"auths":{"h.test":{}},"credsStore":""}'],
    `{"auths":{"h.test":{"auth":"${encodeBase64(":")}"}}}`,
    '{"credHelpers":{"h.test":""},"credsStore":"that-is-not-installed"}',
  ];
  for (const config of none) assertEquals(await found(config), undefined, config);
  const some = [
    `{"auths":${entry},"credsStore":"","credHelpers":{"h.test":""}}`,
    `\ufeff{"auths":${entry}}`,
    `{"auths":{"h.test":{"auth":"${me.slice(0, 4)}\\n${me.slice(4)}\\n"}}}`,
  ];
  for (const config of some) assertEquals(await found(config), basic("me", "pass"), config);
});

Deno.test("findCredentials() names the file that is malformed, and none of its contents", async () => {
  const cases: [unknown, string][] = [
    ["{oops", "it is not JSON"],
    [{ auths: 5 }, '"auths" is malformed'],
    [{ auths: { "a.example": { auth: "%%%" } } }, "not base64 of user:password"],
    [{ auths: { "a.example": { auth: encodeBase64("nocolon") } } }, "not base64 of user:password"],
  ];
  for (const [content, state] of cases) {
    const error = await assertRejects(
      () => find("a.example", "x", { HOME: "$" }, { ".docker/config.json": content }),
      UsageError,
      state,
    );
    assertEquals(error.message.includes(encodeBase64("nocolon")), false);
  }
});

Deno.test("findCredentials() names a helper that is not installed, and refuses names that are paths", async () => {
  const helped = (helper: string) => ({
    ".docker/config.json": { credHelpers: { "a.example": helper } },
  });
  await assertRejects(
    () => find("a.example", "x", { HOME: "$" }, helped("kedge-none")),
    KedgeError,
    'Cannot ask "docker-credential-kedge-none" for "a.example": there is no such program',
  );
  await assertRejects(
    () => find("a.example", "x", { HOME: "$" }, helped("../x")),
    UsageError,
    "bad name",
  );
});

Deno.test("findCredentials() does not mind the case of a host, and asks a helper by the name that was written", async () => {
  const written = { "Quay.IO/acme": auth("org:pass"), "https://GHCR.io/v1/": auth("url:pass") };
  const files = { ".docker/config.json": { auths: written } };
  assertEquals(await find("quay.io", "acme/vm", { HOME: "$" }, files), basic("org", "pass"));
  assertEquals(await find("ghcr.io", "a/b", { HOME: "$" }, files), basic("url", "pass"));
  assertEquals(await find("quay.io", "ACME/vm", { HOME: "$" }, files), undefined);
  const variables = {
    KEDGE_REGISTRY_HOST: "A.Example",
    KEDGE_REGISTRY_USERNAME: "u",
    KEDGE_REGISTRY_PASSWORD: "p",
  };
  assertEquals(await find("a.example", "x", variables), basic("u", "p"));
  const helpers = { ".docker/config.json": { credHelpers: { "B.Example": "kedge-none" } } };
  await assertRejects(
    () => find("b.example", "x", { HOME: "$" }, helpers),
    KedgeError,
    'for "B.Example"',
  );
});

/** Runs with a credential helper in PATH that knows one server. */
async function withHelper(run: () => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  const path = Deno.env.get("PATH") ?? "";
  const script = `#!/bin/sh
read -r server
case "$server" in
  a.example/team) echo '{"Username":"me","Secret":"team-pass"}' ;;
  a.example) echo '{"Username":"<token>","Secret":"identity"}' ;;
  https://index.docker.io/v1/) echo '{"Username":"hub","Secret":"hub-pass"}' ;;
  bad.example) echo 'what?' ;;
  open.example) echo '{"ServerURL":"open.example","Username":"","Secret":""}' ;;
  locked.example) printf 'warning: old\\n\\033[31mvault is locked\\033[0m, asked with known-secret\\n' >&2; exit 3 ;;
  told.example) echo 'exit status 2: gpg: decryption failed'; exit 1 ;;
  leaky.example) echo '{"Username":"me","Secret":"leaked-secret"}'; exit 1 ;;
  endless.example) yes '{"Username":"me"}' ;;
  long.example) head -c 5000 /dev/zero | tr '\\0' y >&2; echo known-secret >&2; exit 1 ;;
  *) echo "credentials not found in native keychain"; exit 1 ;;
esac
`;
  try {
    await writeProgram(join(folder, "docker-credential-kedge-fake"), script);
    using _environment = await environment({ PATH: `${folder}:${path}` });
    await run();
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("findCredentials() asks helpers: of a repository, of a host, and the store for all", () =>
  withHelper(async () => {
    const helpers = {
      ".docker/config.json": {
        auths: { "a.example": auth("other:pass") },
        credHelpers: { "a.example/team": "kedge-fake", "a.example": "kedge-fake" },
        credsStore: "kedge-fake",
      },
    };
    const ask = (host: string, repository: string) =>
      find(host, repository, { HOME: "$" }, helpers);
    assertEquals(await ask("a.example", "team/app"), basic("me", "team-pass"));
    assertEquals(await ask("a.example", "x"), { kind: "identity", token: "identity" });
    assertEquals(await ask("docker.io", "library/x"), basic("hub", "hub-pass"));
    assertEquals(await ask("unknown.example", "x"), undefined);
    assertEquals(await ask("open.example", "x"), undefined);
    await assertRejects(() => ask("bad.example", "x"), KedgeError, "its answer is malformed");
  }));

Deno.test("findCredentials() tells what a helper says that fails, in one short line without secrets", () =>
  withHelper(async () => {
    const redactor = new Redactor();
    redactor.add("known-secret");
    const files = { ".docker/config.json": { credsStore: "kedge-fake" } };
    const says = async (server: string) => {
      const asking = () => find(server, "x", { HOME: "$" }, files, redactor);
      const { message } = await assertRejects(asking, KedgeError);
      const start = `Cannot ask "docker-credential-kedge-fake" for "${server}": `;
      assertEquals(message.slice(0, start.length), start);
      return message.slice(start.length);
    };
    assertEquals(
      await says("locked.example"),
      "it ended with code 3 (warning: old [31mvault is locked [0m, asked with [redacted])",
    );
    assertEquals(
      await says("told.example"),
      "it ended with code 1 (exit status 2: gpg: decryption failed)",
    );
    assertEquals(await says("leaky.example"), "it ended with code 1");
    assertEquals(await says("endless.example"), "its answer has more than 1048576 bytes");
    const long = await says("long.example");
    assertEquals(long.length, "it ended with code 1 ()".length + 300);
    assertEquals(long.endsWith("yyy[redacted])"), true);
    const locked = () => find("locked.example", "x", { HOME: "$" }, files, redactor);
    const { exitCode, hint } = await assertRejects(locked, KedgeError);
    assertEquals([exitCode, hint], [
      5,
      "repair that, or log in again: docker login locked.example",
    ]);
  }));
