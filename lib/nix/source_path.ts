import type { PathInfo } from "./path_info.ts";

/** A store path that is to be published. */
export interface SourcePath extends PathInfo {
  /** Where its files are. */
  files: string;
}
