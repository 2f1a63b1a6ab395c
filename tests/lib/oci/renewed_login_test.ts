/** Logins of credential helpers that are good for a while, as those of some clouds: a run may last longer. */
import { assertEquals, assertRejects } from "@std/assert";
import { join } from "@std/path";
import { sha256 } from "../../../lib/base/digest.ts";
import { NotAllowedError } from "../../../lib/base/errors.ts";
import { RegistryClient } from "../../../lib/oci/registry/registry_client.ts";
import { RegistryHost } from "../../../lib/oci/registry/registry_host.ts";
import { environment } from "../../support/environment.ts";
import { FakeRegistry } from "../../support/fake_registry.ts";
import { inFolder } from "../../support/in_folder.ts";
import { writeProgram } from "../../support/program_file.ts";

/** A registry whose password changes, and a helper that tells the one of now, and counts. */
interface Ground {
  /** Asks the registry for a blob of each of these repositories at once. */
  ask: (...repositories: string[]) => Promise<unknown>;
  /** Changes the password that the registry, the helper, or both take for the one of now. */
  change: (at: { registry?: string; helper?: string }) => Promise<void>;
  /** How often the helper was asked. */
  asked: () => Promise<number>;
}

function onGround(byToken: boolean, run: (ground: Ground) => Promise<void>): Promise<void> {
  return inFolder(async (folder) => {
    const user = { name: "ada", password: "first-pass" };
    await using registry = new FakeRegistry({ user, token: byToken });
    const [answer, log] = [join(folder, "answer"), join(folder, "asked")];
    await writeProgram(
      join(folder, "docker-credential-brief"),
      `#!/bin/sh\necho >>'${log}'\ncat '${answer}'\n`,
    );
    const config = JSON.stringify({ credHelpers: { [registry.host]: "brief" } });
    await Deno.writeTextFile(join(folder, "config.json"), config);
    using _environment = await environment({
      DOCKER_CONFIG: folder,
      PATH: `${folder}:${Deno.env.get("PATH")}`,
    });
    using host = new RegistryHost({ host: registry.host });
    const change: Ground["change"] = async ({ registry: there, helper }) => {
      if (there !== undefined) {
        user.password = there;
        // A token lasts no longer than the login that it was given for.
        registry.faults.expireToken = byToken ? 1 : 0;
      }
      if (helper === undefined) return;
      const login = { Username: user.name, Secret: helper };
      await Deno.writeTextFile(answer, JSON.stringify(login));
    };
    await change({ helper: user.password });
    await run({
      ask: (...repositories) =>
        Promise.all(
          repositories.map((name) => new RegistryClient(host, name).head(sha256("none"))),
        ),
      change,
      asked: async () => (await Deno.readTextFile(log)).length,
    });
  });
}

const names = Array.from({ length: 10 }, (_, at) => `team/m${at}`);

for (const [how, byToken] of [["a password", false], ["a token", true]] as const) {
  Deno.test(`a helper is asked anew, once, where ${how} that it gave is good no longer`, () =>
    onGround(byToken, async ({ ask, change, asked }) => {
      await ask(...names);
      assertEquals(await asked(), 1);
      await change({ registry: "second-pass", helper: "second-pass" });
      await ask(...names);
      assertEquals(await asked(), 2);
      await ask(...names, "another");
      assertEquals(await asked(), 2);
    }));

  Deno.test(`a helper is asked no third time where ${how} that it gives anew is refused too`, () =>
    onGround(byToken, async ({ ask, change, asked }) => {
      await ask(...names);
      await change({ registry: "second-pass" });
      await Promise.all(names.map((name) => assertRejects(() => ask(name), NotAllowedError)));
      assertEquals(await asked(), 2);
      await assertRejects(() => ask("team/m1"), NotAllowedError);
      assertEquals(await asked(), 2);
    }));

  Deno.test(`a helper is asked once where ${how} that it gives was never good`, () =>
    onGround(byToken, async ({ ask, change, asked }) => {
      await change({ registry: "second-pass" });
      await Promise.all(names.map((name) => assertRejects(() => ask(name), NotAllowedError)));
      await assertRejects(() => ask("team/m1"), NotAllowedError);
      assertEquals(await asked(), 1);
    }));
}
