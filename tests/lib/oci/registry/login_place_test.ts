/** A login that is not taken: where it was found is told, since a login elsewhere does not help. */
import { assertEquals, assertRejects } from "@std/assert";
import { join } from "@std/path";
import { NotAllowedError } from "../../../../lib/base/errors.ts";
import { findCredentials } from "../../../../lib/oci/registry/credentials.ts";
import { RegistryClient } from "../../../../lib/oci/registry/registry_client.ts";
import { RegistryHost } from "../../../../lib/oci/registry/registry_host.ts";
import { environment } from "../../../support/environment.ts";
import { FakeRegistry } from "../../../support/fake_registry.ts";
import { inFolder } from "../../../support/in_folder.ts";
import { writeProgram } from "../../../support/program_file.ts";
import { blob, retry } from "../../../support/registry_bench.ts";

/** What is advised where a registry, or its token server, does not take the login to which these variables lead. */
async function advice(
  token: boolean,
  variables: (host: string) => Record<string, string> | Promise<Record<string, string>>,
): Promise<string | undefined> {
  await using registry = new FakeRegistry({ user: { name: "me", password: "pass" }, token });
  return await adviceOf(registry.host, await variables(registry.host));
}

async function adviceOf(
  host: string,
  variables: Record<string, string>,
): Promise<string | undefined> {
  const env = (name: string) => variables[name];
  using connection = new RegistryHost({
    host,
    retry,
    credentials: (repository) => findCredentials(host, repository, { env }),
  });
  const client = new RegistryClient(connection, "a");
  const { hint } = await assertRejects(() => client.head(blob.digest), NotAllowedError);
  return hint?.replaceAll(host, "HOST");
}

Deno.test("the file is named whose token a registry, or its token server, does not take", () =>
  inFolder(async (folder) => {
    await using server = Deno.serve(
      { hostname: "127.0.0.1", port: 0, onListen() {} },
      (request) => {
        const realm = new URL("/token", request.url);
        const headers = { "www-authenticate": `Bearer realm="${realm}"` };
        return new Response(null, { status: 401, headers });
      },
    );
    const { port } = server.addr;
    const host = `127.0.0.1:${port}`;
    const file = join(folder, "auth.json");
    const hintOf = async (login: Record<string, string>) => {
      await Deno.writeTextFile(file, JSON.stringify({ auths: { [host]: login } }));
      return await adviceOf(host, { REGISTRY_AUTH_FILE: file });
    };
    assertEquals(
      await hintOf({ registrytoken: "old" }),
      `the credentials from "${file}" are not taken; log in again: docker login HOST`,
    );
    assertEquals(
      await hintOf({ identitytoken: "old" }),
      `the login from "${file}" may have run out; log in again: docker login HOST`,
    );
  }));

const loginOf = (host: string) =>
  JSON.stringify({ auths: { [host]: { username: "me", password: "old" } } });

for (const token of [false, true]) {
  const asked = token ? "a token server" : "a registry";
  const expected = (place: string) =>
    token
      ? `check the user and the password from "${place}", and whether that account has the scope repository:a:pull`
      : `the credentials from "${place}" are not taken; log in again: docker login HOST`;

  Deno.test(`the file, the variable or the helper is named whose login ${asked} does not take`, () =>
    inFolder(async (folder) => {
      const file = join(folder, "auth.json");
      const ofFile = await advice(token, async (host) => {
        await Deno.writeTextFile(file, loginOf(host));
        return { REGISTRY_AUTH_FILE: file };
      });
      assertEquals(ofFile, expected(file));
      const ofVariable = await advice(token, (host) => ({
        KEDGE_REGISTRY_HOST: host,
        KEDGE_REGISTRY_USERNAME: "me",
        KEDGE_REGISTRY_PASSWORD: "old",
      }));
      assertEquals(ofVariable, expected("KEDGE_REGISTRY_PASSWORD"));
      const ofText = await advice(token, (host) => ({ DOCKER_AUTH_CONFIG: loginOf(host) }));
      assertEquals(ofText, expected("DOCKER_AUTH_CONFIG"));

      const helper = "docker-credential-old";
      const script = `#!/bin/sh\necho '{"Username":"me","Secret":"old"}'\n`;
      await writeProgram(join(folder, helper), script);
      using _environment = await environment({ PATH: `${folder}:${Deno.env.get("PATH")}` });
      const store = { DOCKER_AUTH_CONFIG: JSON.stringify({ credsStore: "old" }) };
      assertEquals(await advice(token, () => store), expected(helper));
    }));
}
