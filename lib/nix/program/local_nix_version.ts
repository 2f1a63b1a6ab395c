import { KedgeError, UsageError } from "../../base/errors.ts";
import { lastError, type NixCommandOptions, runNix } from "./nix_command.ts";
import { type NixVersion, parseNixVersion } from "./nix_version.ts";

const hint = "name the version without it: --nix-version=2.31.5";

/**
 * The version of the Nix of this machine, as `nix --version` says it.
 *
 * @throws {UsageError} if Nix is not installed, or says no version
 * @throws {KedgeError} if it fails
 */
export async function localNixVersion(options: NixCommandOptions = {}): Promise<NixVersion> {
  const asked = { features: [], ...options };
  const { code, stdout, stderr } = await runNix(["--version"], asked).catch(unnamed);
  if (code === 0) {
    try {
      return parseNixVersion(stdout);
    } catch (error) {
      return unnamed(error);
    }
  }
  throw new KedgeError(
    `Cannot ask "${options.program ?? "nix"}" for its version: it ended with code ${code}` +
      lastError(stderr),
    { hint },
  );
}

/** Fails as it did, but with what to do where there is no Nix to ask. */
function unnamed(error: unknown): never {
  if (!(error instanceof UsageError)) throw error;
  throw new UsageError(error.message, { cause: error.cause, hint });
}
