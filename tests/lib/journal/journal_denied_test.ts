/** What is said of a journal that this user may not use. */
import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { join } from "@std/path";
import { DatabaseSync } from "node:sqlite";
import { NotAllowedError } from "../../../lib/base/errors.ts";
import { JournalFile } from "../../../lib/journal/journal_file.ts";
import { inFolder } from "../../support/in_folder.ts";

/** What SQLite throws where a file may not be written. */
function readOnlyFailure(path: string): Error {
  new DatabaseSync(path).close();
  using database = new DatabaseSync(path, { readOnly: true });
  return assertThrows(() => database.exec("CREATE TABLE runs (id TEXT)"), Error);
}

Deno.test("JournalFile tells whoever may not write it to be another user, not that it may be damaged", () =>
  inFolder((folder) => {
    const path = join(folder, "journal-v1.db");
    const denied = [readOnlyFailure(path), new Deno.errors.PermissionDenied("Permission denied")];
    for (const cause of denied) {
      const error = new JournalFile(path).failure(cause);
      assertEquals(error instanceof NotAllowedError, true, cause.message);
      assertEquals(error.message, `Cannot use the journal "${path}": ${cause.message}`);
      assertStringIncludes(error.hint ?? "", "name another cache folder");
    }
    return Promise.resolve();
  }));
