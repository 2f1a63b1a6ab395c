import { UsageError } from "../base/errors.ts";
import { isHost } from "./reference_grammar.ts";

/**
 * Fails for what cannot be the name of an image, whatever its transport is.
 *
 * @throws {UsageError} if it is too long, or holds white space, control characters or credentials, which the message leaves out
 */
export function checkReferenceText(text: string): void {
  if (typeof text !== "string") {
    throw new UsageError(`Cannot read the reference ${Deno.inspect(text)}: it is not a text`);
  }
  if (text.length > 4096) {
    throw refusedReference(text.slice(0, 80), "it is longer than 4096 characters");
  }
  // Folders may have spaces in their names; what only looks like one is a mistake there too.
  if ((text.startsWith("oci:") ? /(?! )[\p{Cc}\p{Zs}]/u : /[\p{Cc}\p{Zs}]/u).test(text)) {
    throw refusedReference(text, "it holds white space or control characters");
  }
  const user = /^((?:docker|https?|registry):\/\/)[^/]*@(?=([^/@]+)\/)/i.exec(text);
  if (user !== null) {
    const bare = `${user[1]}***@${text.slice(user[0].length)}`;
    const hint = `leave them out, and log in first: docker login ${user[2]}`;
    throw refusedReference(bare, "it holds credentials", undefined, hint);
  }
}

/** The name of an image in a registry or a layout that was probably meant by a text with neither transport. */
export function nearReference(text: string): string | undefined {
  const scheme = /^(docker|https?|oci|registry|dir|containers-storage):\/*/i.exec(text);
  if (scheme === null) {
    const place = text.split("/")[0]!;
    return text.includes("/") && isHost(place) ? `docker://${text}` : undefined;
  }
  const rest = text.slice(scheme[0].length);
  if (rest === "") return undefined;
  if (!/^(oci|dir)$/i.test(scheme[1]!)) return `docker://${rest}`;
  return `oci:${scheme[0].endsWith("/") ? "/" : ""}${rest}`;
}

/** The error of a text that is not a name of an image: which part is wrong, and what was probably meant. */
export function refusedReference(
  text: string,
  state: string,
  near?: string,
  hint?: string,
): UsageError {
  return new UsageError(`Cannot read the reference ${JSON.stringify(text)}: ${state}`, {
    hint: near === undefined
      ? hint ?? "write docker://HOST/REPOSITORY[:TAG][@DIGEST] or oci:FOLDER[:TAG]"
      : `did you mean ${near}?`,
    data: { reference: text },
  });
}
