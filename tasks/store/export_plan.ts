import { formatBytes } from "../../lib/base/bytes.ts";
import { counted } from "../../lib/base/counted.ts";
import type { NixFolder } from "../../lib/nix/folder/nix_folder.ts";
import type { SourcePath } from "../../lib/nix/source_path.ts";
import type { Figures, Plan } from "../../lib/operation/figures.ts";
import type { CopyStoreResult } from "./copy_store.ts";

/** What an export or an import gives beside its figures. */
export type CopyStanding = Omit<CopyStoreResult, keyof Figures>;

/** What is to be exported. */
export interface Selection {
  folder: NixFolder;
  closure: readonly SourcePath[];
}

/** What of it the other store lacks. */
export interface ExportPlan extends Plan, Selection {
  missing: readonly SourcePath[];
}

/** The figures of an export. */
export function exportPlan(
  { closure }: Selection,
  missing: readonly SourcePath[],
  shown: string,
): Plan & { missing: readonly SourcePath[] } {
  const bytes = narBytesOf(missing);
  const names = new Set(missing.map(({ storePath }) => storePath.baseName));
  return {
    missing,
    changed: missing.length > 0,
    bytesToMove: bytes,
    bytesToReuse: narBytesOf(closure) - bytes,
    exact: true,
    requests: 0,
    why: missing.length === 0
      ? `"${shown}" has ${closure.length === 1 ? "the one path" : `all ${closure.length} paths`}`
      : `"${shown}" lacks ${missing.length} of ${counted(closure.length, "path")} (${
        formatBytes(bytes)
      })`,
    objects: closure.map(({ storePath: { path, baseName }, narSize }) => ({
      label: path,
      sizeBytes: narSize,
      state: names.has(baseName) ? "missing" : "present",
    })),
  };
}

/** The result of an export. */
export function exported({ closure, missing }: ExportPlan): CopyStanding {
  return { paths: closure.map(({ storePath }) => storePath.path), pathsMoved: missing.length };
}

/** The bytes of the NARs of paths. */
export function narBytesOf(paths: readonly SourcePath[]): number {
  return paths.reduce((sum, { narSize }) => sum + narSize, 0);
}
