import defer * as fs from "node:fs";
import { join } from "@std/path";
import { isLockHeld } from "../../base/file_lock.ts";
import { folderNames, lookAt } from "../../base/files.ts";
import { folderEntries } from "./folder_entries.ts";
import { type NixFolder, nixStoreDir } from "./nix_folder.ts";
import { readPlainFile } from "./plain_file.ts";
import { isStoreBaseName } from "../store_path.ts";

const staleMs = 24 * 60 * 60 * 1000;
const largestTextBytes = 256 * 1024 * 1024;
const baseName = "([0-9a-z]{32}-[A-Za-z0-9+._?=-]+)";
const namePattern = `${nixStoreDir}/${baseName}`;
const anyName = new RegExp(namePattern, "g");
/** One in a longer path: in whatever store that leads to. */
const nameBelow = new RegExp(`(?<=[^\\s\\0:=;,"'()<>|&])${namePattern}`, "g");
/** What the system says of what is gone, or another's, a moment later, or is too long for it to tell. */
const passing = ["ENOENT", "ENOTDIR", "EACCES", "EPERM", "ESRCH", "ENAMETOOLONG"];

/**
 * What Nix processes of a store have named as in use, and what processes of this machine use: their programs, libraries, open files, working
 * folders and environments, as Nix's garbage collector looks for it, also by the name that the folder has on this machine. A process in a
 * container counts where this one sees it.
 */
export async function busyNames(folder: NixFolder): Promise<string[]> {
  const names = new Set<string>();
  const take = (text: string, pattern = anyName) => {
    for (const match of text.matchAll(pattern)) names.add(match[1]!);
  };
  const temporary = join(folder.state, "temproots");
  for await (const { name, isFile } of folderEntries(temporary)) {
    // A pipe, or a link to a device, would be read for ever.
    const path = join(temporary, name);
    if (isFile && !isStale(path)) take(await readPlainFile(path, largestTextBytes) ?? "");
  }
  if (Deno.build.os === "linux") {
    const [own, asked] = [identityOf(nixStoreDir), identityOf(folder.store)];
    const hereNamed = namesIn(folder);
    const isOther = own !== undefined && asked !== undefined && own !== asked;
    for (const pid of (await folderNames("/proc")).filter((name) => /^\d+$/.test(name))) {
      const process = `/proc/${pid}`;
      // What a program names that sees this machine's own store is of that one.
      const seesOwn = isOther && identityOf(`${process}/root${nixStoreDir}`) === own;
      const pattern = seesOwn ? nameBelow : anyName;
      const texts = linksOf(process);
      for (const name of ["maps", "environ"]) texts.push(await textOf(`${process}/${name}`));
      for (const text of texts) {
        take(text, pattern);
        take(text, hereNamed);
      }
    }
  }
  return [...names].filter(isStoreBaseName);
}

/**
 * Whether what a Nix has named is of no use any more: it holds a lock of the file as long as it lives, but a virtual machine keeps its locks
 * to itself, and some file systems have none; so the file must be of some age too.
 */
function isStale(path: string): boolean {
  const written = lookAt(path)?.mtime?.getTime() ?? Infinity;
  try {
    return Date.now() - written > staleMs && !isLockHeld(path);
  } catch {
    // Of one that this user may not lock nothing is known.
    return false;
  }
}

async function textOf(path: string): Promise<string> {
  return await Deno.readTextFile(path).catch((error) => passed(error, ""));
}

/** The names in the store of a folder, as it is named here and as the system names it. */
function namesIn({ path, store }: NixFolder): RegExp {
  const real = orElse(() => Deno.realPathSync(path), path);
  const stores = [store, join(real, "store")].map((each) => RegExp.escape(each));
  return new RegExp(`(?:${stores.join("|")})/${baseName}`, "g");
}

/** What tells a folder from others, by whatever name; `undefined` where it cannot be looked at: a container may have put anything there. */
function identityOf(folder: string): string | undefined {
  try {
    const { dev, ino } = Deno.statSync(folder);
    return ino === null ? undefined : `${dev} ${ino}`;
  } catch {
    return undefined;
  }
}

/** Where the links of a process lead: to its program, its working folder and what it has open. */
function linksOf(process: string): string[] {
  const open = orElse(() => fs.readdirSync(`${process}/fd`), []);
  return ["exe", "cwd", ...open.map((name) => `fd/${name}`)].map((name) =>
    orElse(() => targetOf(`${process}/${name}`), "")
  );
}

function orElse<T>(run: () => T, none: T): T {
  try {
    return run();
  } catch (error) {
    return passed(error, none);
  }
}

/** Where a link leads; where that is not UTF-8, which Deno gives to nobody, the words in which Deno refuses it, and which quote it. */
function targetOf(link: string): string {
  try {
    return fs.readlinkSync(link);
  } catch (error) {
    if (error instanceof Deno.errors.InvalidData) return error.message;
    throw error;
  }
}

/** What stands for what cannot be read. */
function passed<T>(error: unknown, none: T): T {
  const { code = "", message = "" } = error as { code?: string; message?: string };
  const isPassing = passing.includes(code) || error instanceof Deno.errors.NotCapable ||
    /\(os error 3\)/.test(message);
  if (isPassing) return none;
  throw error;
}
