import { VerificationError } from "../../base/errors.ts";
import { isDerivation } from "../program/ask_path_info.ts";
import { type NixFolder, nixStoreDir } from "./nix_folder.ts";
import { readPlainFile } from "./plain_file.ts";
import type { StoreRow } from "./store_row.ts";
import { tryParseStorePath } from "../store_path.ts";

const begin = /(?:Derive\(|DrvWithVersion\("[^"\\]*",)\[/y;
const output = /\("([^"\\]+)","([^"\\]*)","[^"\\]*","[^"\\]*"\)([,\]])/y;

/**
 * The rows with what each derivation among them builds, read from the file that was placed: neither a binary cache nor a Nix tells it, and
 * without it Nix's garbage collector does not keep a derivation for its outputs.
 *
 * @throws {VerificationError} if one is not a derivation
 */
export async function withOutputs(
  folder: NixFolder,
  rows: readonly StoreRow[],
): Promise<StoreRow[]> {
  return await Promise.all(rows.map(async (row) => {
    const { path, baseName } = row.storePath;
    if (!isDerivation(path)) return row;
    const file = folder.pathOf(baseName);
    const outputs = derivationOutputs(await readPlainFile(file, row.narSize) ?? "");
    if (outputs !== undefined) return { ...row, outputs };
    throw new VerificationError(`Cannot import "${path}": what it holds is not a derivation`, {
      side: "source",
      data: { path: file },
    });
  }));
}

/**
 * The base names of the outputs of a derivation by their names, without those whose paths are known only once they are built; `undefined` if the
 * text is not a derivation. Follows Nix's "derivation ATerm format" (`protocols/derivation-aterm`).
 */
export function derivationOutputs(text: string): Record<string, string> | undefined {
  begin.lastIndex = 0;
  if (!begin.test(text)) return undefined;
  const outputs: Record<string, string> = {};
  output.lastIndex = begin.lastIndex;
  for (;;) {
    const [whole, name, path, end] = output.exec(text) ?? [];
    if (whole === undefined) return undefined;
    const built = tryParseStorePath(path!);
    if (built?.storeDir !== nixStoreDir && path !== "") return undefined;
    if (built !== undefined) outputs[name!] = built.baseName;
    if (end === "]") return outputs;
  }
}
