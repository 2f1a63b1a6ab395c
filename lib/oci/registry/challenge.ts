/** What a server asks for in a `WWW-Authenticate` header (RFC 9110, 11.6.1). */
export interface Challenge {
  /** The scheme, in lower case: `bearer`, `basic`. */
  readonly scheme: string;
  /** Its parameters, names in lower case. */
  readonly parameters: Readonly<Record<string, string>>;
}

const token = "[!#$%&'*+.^_`|~0-9A-Za-z-]+";
const parameterPattern = new RegExp(
  `^\\s*,?\\s*(${token})\\s*=\\s*(?:"((?:[^"\\\\]|\\\\.)*)"|(${token}))`,
);
const schemePattern = new RegExp(`^\\s*,?\\s*(${token})(?:\\s+|$|,)`);

/** Reads the challenges of a `WWW-Authenticate` header; what cannot be read ends the list. */
export function parseChallenges(header: string | null): Challenge[] {
  const challenges: { scheme: string; parameters: Record<string, string> }[] = [];
  let rest = (header ?? "").slice(0, 8192);
  while (rest.trim() !== "") {
    const parameter = parameterPattern.exec(rest);
    const current = challenges.at(-1);
    if (parameter !== null && current !== undefined) {
      const value = parameter[2]?.replace(/\\(.)/g, "$1") ?? parameter[3] ?? "";
      current.parameters[parameter[1]!.toLowerCase()] = value;
      rest = rest.slice(parameter[0].length);
      continue;
    }
    const scheme = schemePattern.exec(rest);
    if (scheme === null) break;
    challenges.push({ scheme: scheme[1]!.toLowerCase(), parameters: {} });
    rest = rest.slice(scheme[0].length);
  }
  return challenges;
}
