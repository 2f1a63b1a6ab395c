import { UnreachableError } from "../../base/errors.ts";
import { bodyStart } from "../../http/body_start.ts";

/** The words of a refusal are waited for no longer, in milliseconds. */
const patienceMs = 2000;

/** What the answer of a refusal says, in brackets after a space, or nothing: one whose words do not come is a refusal all the same. */
export async function refusalReason(response: Response): Promise<string> {
  try {
    const message = registryMessage(await bodyStart(response, 4096, patienceMs));
    return message === "" ? "" : ` (${message})`;
  } catch (error) {
    if (error instanceof UnreachableError || error instanceof TypeError) return "";
    throw error;
  }
}

/** What the error body of a registry says, or that of a token server (RFC 6749, 5.2), in one line. */
export function registryMessage(text: string): string {
  try {
    const json = JSON.parse(text) as {
      errors?: { code?: unknown; message?: unknown; detail?: unknown }[];
      error?: unknown;
      error_description?: unknown;
    };
    const told = json.errors?.find(({ code }) => code !== "UNKNOWN") ?? json.errors?.[0] ??
      { code: json.error, message: json.error_description, detail: undefined };
    const words = [told.code, told.message, told.detail].filter((word) => typeof word === "string");
    return words.join(": ").slice(0, 200);
  } catch {
    return text.startsWith("<") ? "" : text.replace(/[\p{Cc}\s]+/gu, " ").trim().slice(0, 160);
  }
}
