/**
 * Disks as images of chunks in ordinary registries.
 *
 * @module
 */
export * from "./disk_inspect.ts";
export * from "./disk_pull.ts";
export type { PulledDisk } from "../lib/disk/pull_work.ts";
export * from "./disk_push.ts";
export * from "./disk_verify.ts";
export type { Chunker, ChunkerKind } from "../lib/chunk/chunker.ts";
