import { UsageError } from "../../base/errors.ts";
import { isHost } from "../reference_grammar.ts";

/**
 * The hosts that were named as insecure registries, as references have them.
 *
 * @throws {UsageError} if one of them is not a host: it would be the one of no reference, and the registry that was meant be spoken to by TLS
 */
export function insecureHosts(texts: readonly string[] = []): string[] {
  return texts.map((text) => {
    if (isHost(text)) return text.toLowerCase();
    throw new UsageError(
      `Cannot use the insecure registry ${JSON.stringify(text)}: it is not a host`,
      { hint: "write HOST or HOST:PORT" },
    );
  });
}
