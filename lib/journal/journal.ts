/**
 * The durable record of runs, operations and steps, in one SQLite file of the cache folder.
 *
 * Invariants: the file is opened at the first write, so that a dry run leaves no trace; every line is its own transaction
 * (WAL), so that a kill leaves all lines but the one in flight; the journal tells what happened and never decides what is true,
 * so that whoever hands in `onFailure` goes on without it when it is damaged or cannot be written, on a full disk too: what makes room must run there.
 *
 * @module
 */
import { type KedgeError, toError } from "../base/errors.ts";
import type { Redactor } from "../base/redactor.ts";
import { JournalFile } from "./journal_file.ts";
import type { OperationRow, RunRow, StepRow } from "./journal_rows.ts";
import { parsed, readRow } from "./read_row.ts";

/** What a journal is made of. */
export interface JournalOptions {
  /** The database file; its folder is made at the first write. */
  path: string;
  /** Takes the secrets out of what is written. */
  redactor?: Redactor;
  /** Whether the file is closed each time the last operation under way has ended. @default {false} */
  closeWhenIdle?: boolean;
  /** Whether the process ends when the journal is closed. @default {false} */
  endsWithProcess?: boolean;
  /** The clock, in milliseconds since 1970. @default {Date.now} */
  now?: () => number;
  /** Called once when the journal cannot be written; nothing more is written then. @default {a failure is thrown} */
  onFailure?: (error: KedgeError) => void;
}

const selectRuns = "SELECT id, command, started, ended, exit_code AS exitCode FROM runs";

/** Writes and reads the record of runs. */
export class Journal implements Disposable {
  #file: JournalFile;
  #redactor: Redactor | undefined;
  #now: () => number;
  #closeWhenIdle: boolean;
  #endsWithProcess: boolean;
  #mayBeLeft = true;
  #active = 0;
  #currentRun: string | null = null;
  #currentCommand = "";
  #writtenCommand = "";
  #onFailure: JournalOptions["onFailure"];
  #failed = false;

  /** Touches no disk. */
  constructor(options: JournalOptions) {
    this.#file = new JournalFile(options.path);
    this.#closeWhenIdle = options.closeWhenIdle ?? false;
    this.#endsWithProcess = options.endsWithProcess ?? false;
    this.#redactor = options.redactor;
    this.#now = options.now ?? Date.now;
    this.#onFailure = options.onFailure;
  }

  /** Begins a run; the operations that follow belong to it. Gives the run's id. */
  beginRun(command: string): string {
    const id = crypto.randomUUID();
    this.#currentRun = id;
    this.#currentCommand = command;
    this.#writtenCommand = this.#clean(command);
    this.#write("INSERT INTO runs (id, command, started, pid) VALUES (?, ?, ?, ?)", [
      id,
      this.#writtenCommand,
      this.#now(),
      Deno.pid,
    ]);
    return id;
  }

  /** Ends a run; what became a secret meanwhile is taken out of its command line. */
  endRun(id: string, exitCode: number): void {
    const command = this.#clean(this.#currentCommand);
    if (command !== this.#writtenCommand) this.#mayBeLeft = false;
    this.#write("UPDATE runs SET ended = ?, exit_code = ?, command = ? WHERE id = ?", [
      this.#now(),
      exitCode,
      command,
      id,
    ]);
  }

  /** Begins an operation; what it returns writes the operation's lines. */
  begin(operation: { operation: string; kind: string; subject: string }): {
    step(phase: string, object: string, state: string, detail?: Record<string, unknown>): void;
    end(outcome: { figures: object } | { error: object }): void;
  } {
    const id = operation.operation;
    this.#write(
      "INSERT INTO operations (id, run, kind, subject, started) VALUES (?, ?, ?, ?, ?)",
      [id, this.#currentRun, operation.kind, this.#clean(operation.subject), this.#now()],
    );
    this.#active++;
    return {
      step: (phase, object, state, detail) => {
        this.#write("INSERT INTO steps VALUES (?, ?, ?, ?, ?, ?)", [
          id,
          this.#now(),
          phase,
          this.#clean(object),
          state,
          this.#json(detail),
        ]);
      },
      end: (outcome) => {
        if (!("figures" in outcome && changedNothing(outcome.figures))) this.#mayBeLeft = false;
        this.#write("UPDATE operations SET ended = ?, figures = ?, error = ? WHERE id = ?", [
          this.#now(),
          this.#json("figures" in outcome ? outcome.figures : undefined),
          this.#json("error" in outcome ? outcome.error : undefined),
          id,
        ]);
        if (--this.#active === 0 && this.#closeWhenIdle) this[Symbol.dispose]();
      },
    };
  }

  /** The latest runs, the one that began last first, whatever the clock said; one that is damaged is left out if that is told to somebody. */
  runs(limit = 50, onDamage?: (run: string, state: string) => void): RunRow[] {
    const sql = `${selectRuns} ORDER BY rowid DESC LIMIT ?`;
    if (onDamage === undefined) return this.#rows(sql, [limit]);
    return this.#file.read(sql, [limit]).flatMap((found) => {
      try {
        return [readRow(found) as unknown as RunRow];
      } catch (error) {
        onDamage(String(found["id"]), toError(error).message);
        return [];
      }
    });
  }

  /** The runs whose ids begin so, at most two. */
  runsBeginning(id: string): RunRow[] {
    return this.#rows(`${selectRuns} WHERE substr(id, 1, ?) = ? LIMIT 2`, [id.length, id]);
  }

  /** The operations of a run, in their order. */
  operations(run: string): OperationRow[] {
    const sql =
      "SELECT id, kind, subject, started, ended, figures, error FROM operations WHERE run = ? ORDER BY rowid";
    return this.#rows(sql, [run]);
  }

  /** The lines of an operation, in their order. */
  steps(operation: string): StepRow[] {
    const sql =
      "SELECT at, phase, object, state, detail FROM steps WHERE operation = ? ORDER BY rowid";
    return this.#rows(sql, [operation]);
  }

  /** What was learned of something, as it was remembered; `undefined` if nothing was. Check it: others may have written it. */
  recall(scope: string, key: string): unknown {
    if (this.#failed) return undefined;
    try {
      const sql = "SELECT value FROM facts WHERE scope = ? AND key = ?";
      const [found] = this.#file.read(sql, [scope, key]);
      return found === undefined ? undefined : parsed(String(found["value"]));
    } catch (cause) {
      this.#fail(cause);
      return undefined;
    }
  }

  /** Remembers data across runs: upload sessions, habits of hosts; `undefined` forgets it. */
  remember(scope: string, key: string, value: object | undefined): void {
    this.#mayBeLeft = false;
    if (value === undefined) {
      this.#write("DELETE FROM facts WHERE scope = ? AND key = ?", [scope, key]);
    } else {
      this.#write("INSERT OR REPLACE INTO facts VALUES (?, ?, ?, ?)", [
        scope,
        key,
        JSON.stringify(value),
        this.#now(),
      ]);
    }
  }

  /**
   * Closes the file, which brings what was written to the disk. When the process ends and nothing was changed by what the file tells,
   * it is left as it is: what SQLite's log holds outlives the process, whoever opens the file next goes on from it, and a task that
   * finds its work done does not wait for the disk.
   */
  [Symbol.dispose](): void {
    if (!this.#file.isOpen) return;
    if (this.#endsWithProcess && this.#mayBeLeft && this.#file.hasShortLog()) return;
    this.#file.close();
  }

  #rows<T>(sql: string, values: (string | number)[]): T[] {
    const rows = this.#file.read(sql, values);
    try {
      return rows.map(readRow) as T[];
    } catch (error) {
      throw this.#file.failure(error);
    }
  }

  #write(sql: string, values: (string | number | null)[]): void {
    if (this.#failed) return;
    try {
      this.#file.write(sql, values);
    } catch (error) {
      this.#fail(error);
    }
  }

  /** Goes on without the journal, if that is wanted. */
  #fail(cause: unknown): void {
    const error = this.#file.failure(cause);
    if (this.#onFailure === undefined) throw error;
    this.#failed = true;
    this.#onFailure(error);
  }

  #clean(text: string): string {
    return this.#redactor?.redact(text) ?? text;
  }

  #json(data: object | undefined): string | null {
    return data === undefined ? null : JSON.stringify(this.#redactor?.redactData(data) ?? data);
  }
}

function changedNothing(figures: object): boolean {
  return "changed" in figures && figures.changed === false;
}
