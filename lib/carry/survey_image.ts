import { KedgeError, VerificationError } from "../base/errors.ts";
import { databaseFolder, type ImageStore } from "./database_files.ts";
import type { StoreSource } from "./store_source.ts";

/** What {@linkcode surveyImage} works with. */
export interface SurveyImageOptions {
  /** What errors call the image. */
  name: string;
  /** A folder for the database. */
  work: string;
  /** Ends it. */
  signal: AbortSignal;
}

/**
 * Reads the database of an image. Errors name it where the image has it, and not where it is read, which is gone by then.
 *
 * @throws {VerificationError} if there is none, or it is damaged
 * @throws {KedgeError} if its schema is another than the one known here
 */
export async function surveyImage(
  source: StoreSource,
  { name, work, signal }: SurveyImageOptions,
): Promise<ImageStore> {
  try {
    return await source.survey(work, signal);
  } catch (cause) {
    if (!(cause instanceof KedgeError) || !cause.message.includes(`"${work}`)) throw cause;
    const [before = "", after = ""] = cause.message.split(`"${work}`);
    const end = after.indexOf('"');
    const path = `/${databaseFolder.slice(0, -1)}${after.slice(0, end)}`;
    const kind = cause instanceof VerificationError ? VerificationError : KedgeError;
    throw new kind(`${before}"${path}" of "${name}"${after.slice(end + 1)}`, {
      cause,
      side: "source",
      hint: "name an image with another Nix: one of 2.0 or later, whose database is whole",
      data: cause.data,
    });
  }
}
