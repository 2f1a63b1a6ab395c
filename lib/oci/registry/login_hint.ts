import { join } from "@std/path";
import { ifThere } from "../../base/files.ts";

/**
 * The next step where a registry wants credentials and none were found: to log in, or first to mind a variable that leads to no file, or
 * is missing beside others.
 *
 * @param scope what the account must be allowed
 * @param env reads an environment variable
 */
export async function loginHint(
  host: string,
  scope: string,
  env: (name: string) => string | undefined = Deno.env.get,
): Promise<string> {
  const login = `log in first: docker login ${host}, with an account that has the scope ${scope}`;
  try {
    const absent = await absentFile(env) ?? absentVariable(env);
    return absent === undefined ? login : `${absent}; ${login}`;
  } catch {
    // What may not be looked at must not hide why this is asked.
    return login;
  }
}

async function absentFile(
  env: (name: string) => string | undefined,
): Promise<string | undefined> {
  const folder = env("DOCKER_CONFIG");
  const files = {
    REGISTRY_AUTH_FILE: env("REGISTRY_AUTH_FILE"),
    DOCKER_CONFIG: folder && join(folder, "config.json"),
  };
  for (const [name, file] of Object.entries(files)) {
    if (!file || await ifThere(Deno.stat(file)) !== undefined) continue;
    return `there is no "${file}", to which ${name} leads`;
  }
  return undefined;
}

const loginVariables = [
  "KEDGE_REGISTRY_HOST",
  "KEDGE_REGISTRY_USERNAME",
  "KEDGE_REGISTRY_PASSWORD",
];

/** A login of the environment of which a part is missing is passed over. */
function absentVariable(env: (name: string) => string | undefined): string | undefined {
  const given = loginVariables.findLast((name) => env(name));
  const absent = loginVariables.find((name) => !env(name));
  if (given === undefined || absent === undefined) return undefined;
  return `${absent} is ${env(absent) === "" ? "empty" : "not set"} beside ${given}`;
}
