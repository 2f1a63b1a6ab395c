/** The typed doorway to `@std/fs/ensure-dir`, apart from the rest of `@std/fs`, which is slow to load. @module */
import { ensureDir as ensure } from "deno-std/fs/ensure_dir.js";

/** Makes a folder and its parents unless they are there. */
export const ensureDir: (dir: string | URL) => Promise<void> = ensure;
