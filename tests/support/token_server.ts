import { decodeBase64, encodeBase64 } from "@std/encoding";
import { join } from "@std/path";
import { runProcess } from "../../lib/base/process_group.ts";

/** How a token server is started. */
export interface StartTokenServerOptions {
  /** Who may have tokens. @default {everybody} */
  user?: { name: string; password: string };
  /** How long tokens are good, in seconds. @default {300} */
  lifeSeconds?: number;
  /** Which of the actions that are asked for are granted, on which repository and to whom. @default {all} */
  grant?: (action: string, repository: string, user: string) => boolean;
}

/** A token server that a docker-registry believes. */
export interface TokenServer extends AsyncDisposable {
  /** What the registry has to be started with. */
  readonly registry: { realm: string; service: string; issuer: string; certificate: string };
  /** The scopes for which tokens were given. */
  readonly issued: string[];
}

/** Makes a certificate for 127.0.0.1 and localhost, signed by itself. */
export async function makeCertificate(
  folder: string,
): Promise<{ certificate: string; key: string }> {
  const certificate = join(folder, "certificate.pem");
  const key = join(folder, "key.pem");
  const { code, stderr } = await runProcess("openssl", {
    args: [
      ...["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=kedge test"],
      ...["-addext", "basicConstraints=critical,CA:FALSE"],
      ...["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1,IP:::ffff:127.0.0.1"],
      ...["-keyout", key, "-out", certificate],
    ],
  });
  if (code !== 0) throw new Error(`openssl ended with ${code}: ${stderr}`);
  return { certificate, key };
}

/** Starts a token server on loopback. */
export async function startTokenServer(
  options: StartTokenServerOptions = {},
): Promise<TokenServer> {
  const folder = await Deno.makeTempDir({ prefix: "kedge-token-" });
  const { certificate, key } = await makeCertificate(folder);
  const der = pemBytes(await Deno.readTextFile(certificate));
  const algorithm = { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256" };
  const signer = await crypto.subtle.importKey(
    "pkcs8",
    pemBytes(await Deno.readTextFile(key)),
    algorithm,
    false,
    ["sign"],
  );
  const issued: string[] = [];
  const issue = async (scopes: readonly string[], user: string) => {
    const now = Math.floor(Date.now() / 1000);
    const header = { typ: "JWT", alg: "RS256", x5c: [encodeBase64(der)] };
    const access = scopes.map((scope) => {
      const [type, name, actions] = scope.split(":") as [string, string, string];
      const { grant = () => true } = options;
      const granted = actions.split(",").filter((action) => grant(action, name, user));
      return { type, name, actions: granted };
    });
    const claims = {
      iss: "kedge",
      sub: "",
      aud: "registry",
      exp: now + (options.lifeSeconds ?? 300),
      nbf: now - 10,
      iat: now,
      jti: crypto.randomUUID(),
      access,
    };
    const text = [header, claims].map((part) => urlBase64(JSON.stringify(part))).join(".");
    const bytes = new TextEncoder().encode(text);
    const signature = new Uint8Array(await crypto.subtle.sign(algorithm, signer, bytes));
    return `${text}.${urlBase64(signature)}`;
  };
  const { user } = options;
  const expected = user && `Basic ${encodeBase64(`${user.name}:${user.password}`)}`;
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, async (request) => {
    const given = request.headers.get("authorization");
    if (expected !== undefined && given !== expected) return new Response(null, { status: 401 });
    const [name = ""] = atob(given?.replace("Basic ", "") ?? "").split(":");
    const scopes = new URL(request.url).searchParams.getAll("scope");
    issued.push(...scopes);
    return Response.json({
      token: await issue(scopes, name),
      expires_in: options.lifeSeconds ?? 300,
    });
  });
  return {
    registry: {
      realm: `http://127.0.0.1:${server.addr.port}/token`,
      service: "registry",
      issuer: "kedge",
      certificate,
    },
    issued,
    async [Symbol.asyncDispose]() {
      await server.shutdown();
      await Deno.remove(folder, { recursive: true });
    },
  };
}

function pemBytes(pem: string): Uint8Array<ArrayBuffer> {
  return decodeBase64(pem.replace(/-----[^-]+-----|\s/g, ""));
}

function urlBase64(data: Uint8Array | string): string {
  return encodeBase64(data).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}
