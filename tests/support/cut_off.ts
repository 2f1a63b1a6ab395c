import { DatabaseSync } from "node:sqlite";

/** The part of the head that SQLite makes zeros at the end. */
const headBytes = 28;

/** Leaves what is there of a change where the process is killed after the last byte was written, and before SQLite ends its journal. */
export async function cutOff(path: string): Promise<void> {
  const journal = `${path}-journal`;
  let head: Uint8Array;
  {
    using database = new DatabaseSync(path);
    database.exec("pragma synchronous = off; pragma journal_mode = persist; begin immediate");
    const name = `/nix/store/${"0".repeat(32)}-x`;
    database.exec(`
      insert into ValidPaths (path, hash, registrationTime, narSize)
      values ('${name}', 'sha256:${"0".repeat(64)}', 1, 1)
    `);
    head = (await Deno.readFile(journal)).subarray(0, headBytes);
    database.exec("commit");
  }
  using file = await Deno.open(journal, { write: true });
  await file.write(head);
}
