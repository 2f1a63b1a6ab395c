import { nixStoreDir } from "./nix_folder.ts";
import { parseNixHash } from "../nix_hash.ts";
import { damagedDatabase } from "./database_failure.ts";
import type { PathInfo } from "../path_info.ts";
import { isSignature } from "../signing_key.ts";
import { isStoreBaseName, tryParseStorePath } from "../store_path.ts";

/** A row of the database, with what refers to it. */
export interface StoreRow extends PathInfo {
  /** When it became valid, in seconds since 1970. */
  registeredSeconds: number;
  /** Whether it was built here. */
  ultimate: boolean;
  /** Of a derivation: its outputs, by their names. */
  outputs: Readonly<Record<string, string>>;
}

/**
 * What a row of the table `ValidPaths` says, checked as anything else from outside.
 *
 * @throws {VerificationError} if it is not what Nix writes
 */
export function parseStoreRow(
  row: Record<string, unknown>,
  database: string,
): Omit<StoreRow, "references" | "outputs"> {
  const path = String(row["path"]);
  const storePath = tryParseStorePath(path);
  const shown = JSON.stringify(path.slice(0, 300));
  if (storePath === undefined || storePath.storeDir !== nixStoreDir) {
    throw damagedDatabase(database, `${shown} is not a path of ${nixStoreDir}`);
  }
  const { narSize, deriver, sigs, ca, registrationTime, ultimate } = row;
  if (typeof narSize !== "number" || !Number.isSafeInteger(narSize) || narSize <= 0) {
    throw damagedDatabase(database, `${shown} has no size`);
  }
  if (typeof registrationTime !== "number" || !Number.isSafeInteger(registrationTime)) {
    throw damagedDatabase(database, `${shown} has no time`);
  }
  const drv = typeof deriver === "string" ? deriver.slice(nixStoreDir.length + 1) : "";
  return {
    storePath,
    narHash: parseNixHash(String(row["hash"])),
    narSize,
    ...(isStoreBaseName(drv) ? { deriver: drv } : {}),
    signatures: typeof sigs === "string" ? sigs.split(" ").filter(isSignature) : [],
    ...(typeof ca === "string" && ca !== "" ? { ca } : {}),
    registeredSeconds: registrationTime,
    ultimate: ultimate === 1,
  };
}
