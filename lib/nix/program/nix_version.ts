import { UsageError } from "../../base/errors.ts";

/** Who makes a Nix. */
export type NixVendor = "nix" | "determinate" | "lix" | "other";

/** The version of a Nix of any vendor. */
export interface NixVersion {
  /** Who makes it. */
  vendor: NixVendor;
  /** The version of Nix itself, as it was written: `2.31.5`, `2.91.1`, `2.5pre20211105_abc`. */
  version: string;
  /** The vendor's own version: that of Determinate Nix. */
  vendorVersion?: string;
  /** The release that official images are tagged with; absent where there is none of this kind. */
  release?: string;
  /** Why there is no official image, where there is none. */
  unofficial?: string;
}

const numbers = "\\d+(?:\\.\\d+){1,2}";
const release = new RegExp(`^${numbers}$`);
const anyVersion = new RegExp(`^${numbers}[A-Za-z0-9._+~-]*$`);

/**
 * Reads the version that a Nix of any vendor says of itself: the output of `nix --version`, the bare version, or the name of
 * its store path (`nix-2.31.2+1`). Of several lines the first that is one counts.
 *
 * @throws {UsageError} if the text holds none
 */
export function parseNixVersion(text: string): NixVersion {
  const lines = text.split("\n").map((each) => each.trim()).filter((each) => each !== "");
  for (const line of lines) {
    const version = parseLine(line);
    if (version !== undefined) return version;
  }
  throw new UsageError(
    `Cannot read the version of Nix in ${
      JSON.stringify((lines[0] ?? "").slice(0, 100))
    }: it is none`,
    { hint: "a version is 2.31.5, or what nix --version prints" },
  );
}

function parseLine(line: string): NixVersion | undefined {
  const named = /^nix(?:-env|-store|-build|-daemon)? \(([^()]*)\) (\S+)$/.exec(line);
  if (named !== null && anyVersion.test(named[2]!)) return fromName(named[1]!, named[2]!);
  const stored =
    /^(?:.*\/)?(?:[0-9a-z]{32}-)?(nix|lix|determinate-nix)(?:-cli)?-(\d[^/]*)(?:\/bin\/nix)?$/
      .exec(line);
  if (stored !== null && anyVersion.test(stored[2]!)) {
    const [, name, version] = stored as unknown as [string, string, string];
    // The numbers of Nix itself begin with 2.
    if (name !== "determinate-nix" || version.startsWith("2.")) return fromName(name, version);
    const unofficial = "that is the version of Determinate Nix, not of the Nix in it";
    return { vendor: "determinate", version, vendorVersion: version, unofficial };
  }
  return anyVersion.test(line) ? fromName("Nix", line) : undefined;
}

function fromName(name: string, version: string): NixVersion {
  if (/^lix\b/i.test(name)) {
    return { vendor: "lix", version, unofficial: "Lix has no official image" };
  }
  const determinate = /^determinate[ -]nix(?: v?(\S+))?$/i.exec(name);
  const vendor = determinate !== null ? "determinate" : /^nix$/i.test(name) ? "nix" : "other";
  const whole = {
    vendor,
    version,
    ...(determinate?.[1] === undefined ? {} : { vendorVersion: determinate[1] }),
  } as const;
  if (vendor === "other") {
    return { ...whole, unofficial: `${JSON.stringify(name.slice(0, 60))} has no official image` };
  }
  // A distributor's own patches follow a +; the release they are made of is the one before it.
  const plain = version.replace(/\+[A-Za-z0-9.~-]*$/, "");
  if (release.test(plain)) return { ...whole, release: plain };
  return { ...whole, unofficial: "it is a pre-release, of which no images are published" };
}
