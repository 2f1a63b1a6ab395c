import { join } from "@std/path";

/** The folder of all Nix stores that official images hold. */
export const nixStoreDir = "/nix/store";

/** Where things lie in a folder that is mounted as `/nix`: a volume, or what a machine keeps of its own. */
export class NixFolder {
  /** The folder, on this machine. */
  readonly path: string;

  /** Touches no disk. */
  constructor(path: string) {
    this.path = path;
  }

  /** The folder of the store paths. */
  get store(): string {
    return join(this.path, "store");
  }

  /** A store path on this machine. */
  pathOf(baseName: string): string {
    return join(this.store, baseName);
  }

  /** The state of Nix: database, profiles, roots. */
  get state(): string {
    return join(this.path, "var", "nix");
  }

  /** The folder of the database. */
  get databaseFolder(): string {
    return join(this.state, "db");
  }

  /** The lock that Nix's garbage collector holds. */
  get gcLock(): string {
    return join(this.state, "gc.lock");
  }

  /** Where kedge notes what it brought, and works. */
  get notes(): string {
    return join(this.path, "var", "kedge");
  }

  /** Where store paths lie until they are whole. */
  get staging(): string {
    return join(this.notes, "staging");
  }

  /** The lock between two that change the folder. */
  get lock(): string {
    return join(this.notes, "lock");
  }

  /** The store as Nix's own programs name it. */
  get uri(): string {
    const folders = {
      store: nixStoreDir,
      real: this.store,
      state: this.state,
      log: join(this.path, "var", "log", "nix"),
    };
    const query = Object.entries(folders).map(([name, path]) => `${name}=${inQuery(path)}`);
    return `local?${query.join("&")}`;
  }
}

/** A path in the query of a store's URI. */
function inQuery(path: string): string {
  return encodeURIComponent(path).replaceAll("%2F", "/");
}
