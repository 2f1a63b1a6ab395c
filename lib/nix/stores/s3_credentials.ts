import { UsageError } from "../../base/errors.ts";

/** What signs requests to S3. */
export interface S3Credentials {
  /** The key's id. */
  accessKeyId: string;
  /** The key. */
  secretAccessKey: string;
  /** For temporary keys. */
  sessionToken?: string;
}

/**
 * The credentials of a profile in the shared file, or those of the environment, as the AWS tools find them.
 *
 * @throws {UsageError} if there are none
 */
export async function s3Credentials(profile?: string): Promise<S3Credentials> {
  const env = (name: string) => Deno.env.get(name) || undefined;
  const id = env("AWS_ACCESS_KEY_ID");
  const secret = env("AWS_SECRET_ACCESS_KEY");
  if (profile === undefined && id !== undefined && secret !== undefined) {
    const token = env("AWS_SESSION_TOKEN");
    return {
      accessKeyId: id,
      secretAccessKey: secret,
      ...(token === undefined ? {} : { sessionToken: token }),
    };
  }
  const path = env("AWS_SHARED_CREDENTIALS_FILE") ?? `${env("HOME") ?? ""}/.aws/credentials`;
  const name = profile ?? env("AWS_PROFILE") ?? "default";
  const fields = await profileOf(path, name);
  const [accessKeyId, secretAccessKey, sessionToken] = [
    "aws_access_key_id",
    "aws_secret_access_key",
    "aws_session_token",
  ].map((field) => fields?.get(field));
  if (accessKeyId === undefined || secretAccessKey === undefined) {
    throw new UsageError(
      `Cannot sign requests to S3: there are no credentials of the profile "${name}"`,
      {
        hint: `set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or write them into ${path}`,
      },
    );
  }
  return { accessKeyId, secretAccessKey, ...(sessionToken === undefined ? {} : { sessionToken }) };
}

async function profileOf(path: string, name: string): Promise<Map<string, string> | undefined> {
  let text: string;
  try {
    text = await Deno.readTextFile(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw new UsageError(`Cannot read the credentials "${path}": ${(error as Error).message}`, {
      cause: error,
    });
  }
  let section = "";
  const fields = new Map<string, string>();
  for (const line of text.split("\n").map((each) => each.trim())) {
    const header = /^\[(.+)\]$/.exec(line)?.[1];
    if (header !== undefined) section = header.trim();
    const match = /^([a-z_]+)\s*=\s*(.*)$/.exec(line);
    if (section === name && match !== null) fields.set(match[1]!, match[2]!);
  }
  return fields;
}
