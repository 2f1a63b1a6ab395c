import { assertEquals } from "@std/assert";
import { loginHint } from "../../../../lib/oci/registry/login_hint.ts";
import { inFolder } from "../../../support/in_folder.ts";

Deno.test("loginHint() names a file of credentials that a variable leads to and that is not there", () =>
  inFolder(async (folder) => {
    const hint = (variables: Record<string, string>) =>
      loginHint("a.example", "repository:a:pull", (name) => variables[name]);
    const login =
      "log in first: docker login a.example, with an account that has the scope repository:a:pull";
    assertEquals(await hint({}), login);
    const absent = `${folder}/auth.json`;
    assertEquals(
      await hint({ REGISTRY_AUTH_FILE: absent }),
      `there is no "${absent}", to which REGISTRY_AUTH_FILE leads; ${login}`,
    );
    assertEquals(
      await hint({ DOCKER_CONFIG: folder }),
      `there is no "${folder}/config.json", to which DOCKER_CONFIG leads; ${login}`,
    );
    await Deno.writeTextFile(absent, "{}");
    assertEquals(await hint({ REGISTRY_AUTH_FILE: `${absent}/x/\0` }), login);
    assertEquals(await hint({ REGISTRY_AUTH_FILE: absent }), login);
  }));

Deno.test("loginHint() says what a login of the environment lacks", async () => {
  const hint = (variables: Record<string, string>) =>
    loginHint("a.example", "repository:a:pull", (name) => variables[name]);
  const login = await hint({});
  const KEDGE_REGISTRY_PASSWORD = "swordfish";
  assertEquals(
    await hint({ KEDGE_REGISTRY_PASSWORD }),
    `KEDGE_REGISTRY_HOST is not set beside KEDGE_REGISTRY_PASSWORD; ${login}`,
  );
  const KEDGE_REGISTRY_HOST = "b.example";
  assertEquals(
    await hint({ KEDGE_REGISTRY_PASSWORD, KEDGE_REGISTRY_HOST }),
    `KEDGE_REGISTRY_USERNAME is not set beside KEDGE_REGISTRY_PASSWORD; ${login}`,
  );
  const KEDGE_REGISTRY_USERNAME = "me";
  assertEquals(
    await hint({ KEDGE_REGISTRY_HOST, KEDGE_REGISTRY_USERNAME, KEDGE_REGISTRY_PASSWORD: "" }),
    `KEDGE_REGISTRY_PASSWORD is empty beside KEDGE_REGISTRY_USERNAME; ${login}`,
  );
  assertEquals(
    await hint({ KEDGE_REGISTRY_PASSWORD, KEDGE_REGISTRY_HOST, KEDGE_REGISTRY_USERNAME }),
    login,
  );
});
