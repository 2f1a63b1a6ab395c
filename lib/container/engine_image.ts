import type { Digest } from "../base/digest.ts";
import { digestHex } from "../base/digest_text.ts";
import { VerificationError } from "../base/errors.ts";
import type { AskEngineOptions, ContainerEngine } from "./container_engine.ts";

/** An image that an engine holds. */
export interface HeldImage {
  /** The name by which it is run. */
  id: string;
  /** Its names: with a tag, or with the digest by which it was fetched. */
  names: readonly string[];
}

const idAndNames = "{{.Id}}{{range .RepoTags}} {{.}}{{end}}{{range .RepoDigests}} {{.}}{{end}}";
/** From here on, an exit code is that of a program which could not be run, or was ended. */
const firstForeignCode = 126;

/** The image that an engine holds by a name, or an id; `undefined` if it holds none. */
export async function inspectImage(
  engine: ContainerEngine,
  name: string,
  options: AskEngineOptions = {},
): Promise<HeldImage | undefined> {
  const args = ["image", "inspect", `--format=${idAndNames}`, name];
  const { code, stdout, stderr } = await engine.ask(`the image "${name}"`, args, options);
  if (code === 0) {
    const [id = "", ...names] = stdout.split(/\s+/).filter(Boolean);
    return { id, names };
  }
  const isMissing = code < firstForeignCode &&
    /no such image|image not known|not found/i.test(stderr);
  if (isMissing) return undefined;
  throw engine.failed(`look for the image "${name}"`, code, stderr);
}

/** The image that an engine holds by the digest of its config or, in docker's newer stores, of its manifest. */
export async function findImage(
  engine: ContainerEngine,
  digests: readonly Digest[],
  options: AskEngineOptions = {},
): Promise<HeldImage | undefined> {
  for (const digest of digests) {
    const id = engine.kind === "podman" ? digestHex(digest) : digest;
    const held = await inspectImage(engine, id, options);
    if (held !== undefined) return { ...held, id };
  }
  return undefined;
}

/**
 * Has the engine fetch an image from its registry; gives the name by which it is run.
 *
 * @throws {VerificationError} if the engine holds another image afterwards
 */
export async function pullImage(
  engine: ContainerEngine,
  image: {
    /** Its name in a registry, with its digest. */
    name: string;
    /** For which machine it is. */
    platform: string;
    /** Whether podman may take plain HTTP for an answer; docker is told by its daemon's settings. */
    insecure?: boolean;
    /** The digests of config and manifest. */
    digests: readonly Digest[];
  },
  options: AskEngineOptions = {},
): Promise<string> {
  const { name, platform, insecure = false, digests } = image;
  const plain = insecure && engine.kind === "podman" ? ["--tls-verify=false"] : [];
  const args = ["pull", "--quiet", ...plain, `--platform=${platform}`, name];
  const { signal } = options;
  const ending = signal === undefined ? {} : { signal };
  await engine.must(args, `bring "${name}" into ${engine.kind}`, ending);
  const held = await findImage(engine, digests, options);
  if (held === undefined) throw otherImage(engine, name, digests);
  return held.id;
}

/** The error of an engine that holds another image than the one that was brought. */
export function otherImage(
  engine: ContainerEngine,
  name: string,
  digests: readonly Digest[],
): VerificationError {
  return new VerificationError(
    `Cannot run "${name}": ${engine.kind} holds another image than ${
      digests[0]
    } after it was loaded`,
  );
}
