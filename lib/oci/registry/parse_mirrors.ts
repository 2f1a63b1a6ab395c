import { UsageError } from "../../base/errors.ts";
import { isNamePrefix } from "../reference_grammar.ts";
import type { MirrorRule } from "./registry_mirrors.ts";

/**
 * Reads mirrors as they are written on a command line: `PREFIX=[http://]HOST[/PATH]`, tried in their order before the registry itself.
 *
 * @throws {UsageError} if one is malformed
 */
export function parseMirrors(texts: readonly string[]): MirrorRule[] {
  const rules = new Map<string, MirrorRule & { mirrors: MirrorRule["mirrors"][number][] }>();
  for (const text of texts) {
    const match = /^([^=\s]*[^=\s/])\/*=(https?:\/\/)?([^=\s/]+(?:\/[^=\s]*[^=\s/])?)\/?$/.exec(
      text,
    );
    if (match === null || !isNamePrefix(match[1]!)) {
      throw new UsageError(`Cannot use the mirror ${JSON.stringify(text)}: it is malformed`, {
        hint: "write PREFIX=MIRROR, as docker.io=mirror.acme.dev",
      });
    }
    const [, prefix, scheme, location] = match as unknown as [string, string, string?, string?];
    const rule = rules.get(prefix) ?? { prefix, mirrors: [] };
    rules.set(prefix, rule);
    rule.mirrors.push({ location: location!, insecure: scheme === "http://", use: "all" });
  }
  return [...rules.values()];
}
