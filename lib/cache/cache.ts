/** The cache folder. */
export class Cache {
  /** The folder's absolute path. */
  readonly dir: string;

  /** Touches no disk; the folder is made at the first write. */
  constructor(dir: string) {
    this.dir = dir;
  }
}
