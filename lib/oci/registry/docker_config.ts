import * as v from "valibot";
import { UsageError } from "../../base/errors.ts";

// Docker and podman take null, and an empty text, for what is not there.
const textSchema = v.nullish(v.string());
const entrySchema = v.nullish(
  v.object({
    auth: textSchema,
    username: textSchema,
    password: textSchema,
    identitytoken: textSchema,
    registrytoken: textSchema,
  }),
  {},
);
const configSchema = v.object({
  auths: v.nullish(v.record(v.string(), entrySchema), {}),
  credHelpers: v.nullish(v.record(v.string(), v.string()), {}),
  credsStore: textSchema,
});

/** What a file says of logins. */
export type DockerConfig = v.InferOutput<typeof configSchema>;

/** What a file says of one registry. */
export type DockerConfigEntry = v.InferOutput<typeof entrySchema>;

/**
 * Reads a `config.json` of docker, or an `auth.json` of podman.
 *
 * @param name what it is called in an error
 * @throws {UsageError} if it is malformed
 */
export function parseDockerConfig(text: string, name: string): DockerConfig {
  let json: unknown;
  try {
    const trimmed = text.trim();
    json = JSON.parse(trimmed === "" ? "{}" : trimmed) ?? {};
  } catch {
    throw new UsageError(`Cannot read the credentials in "${name}": it is not JSON`);
  }
  if (Array.isArray(json)) {
    throw new UsageError(`Cannot read the credentials in "${name}": it is not a JSON object`);
  }
  const result = v.safeParse(configSchema, json);
  if (result.success) return result.output;
  throw new UsageError(
    `Cannot read the credentials in "${name}": "${
      v.getDotPath(result.issues[0]) ?? ""
    }" is malformed`,
  );
}
