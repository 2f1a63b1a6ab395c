import { defined } from "../base/defined.ts";

/** What is kept from run to run; an upper floor lends it. Without one, nothing is. */
export interface Memory {
  /** What was remembered under a name; to be checked, as all that comes from outside. */
  recall(scope: string, key: string): unknown;
  /** Remembers data, or forgets with `undefined`. */
  remember(scope: string, key: string, value: object | undefined): void;
}

/** A memory that forgets all. */
export const noMemory: Memory = { recall: () => undefined, remember: () => {} };

/** How a registry takes uploads. */
export interface UploadHabits {
  /** Whether it takes a blob in several chunks. */
  readonly chunks: boolean;
  /** Whether what it says of an upload's offset stays behind, so that our own count must do (ECR). */
  readonly ownCount: boolean;
  /** Whether an upload can be continued by asking for its state. */
  readonly resumes: boolean;
  /** The smallest chunk that it takes, in bytes. */
  readonly minChunkBytes: number;
  /** How much of a chunk it takes, in bytes, where it took only a part of one. @default {all} */
  readonly mostChunkBytes?: number;
}

/** What a registry is taken for until it shows otherwise. */
export const specHabits: UploadHabits = {
  chunks: true,
  ownCount: false,
  resumes: true,
  minChunkBytes: 0,
};

/** An upload that is under way. */
export interface UploadState {
  /** Where its next chunk goes. */
  readonly location: string;
  /** How many bytes the registry has. */
  readonly offset: number;
  /** The process that works on it, or did. */
  readonly owner?: string;
}

/** What a registry showed of its habits; what it did not show is left out. */
export function recallHabits(memory: Memory, host: string): Partial<UploadHabits> {
  const found = (memory.recall("registry", host) ?? {}) as Partial<UploadHabits>;
  const { chunks, ownCount, resumes, minChunkBytes, mostChunkBytes } = found;
  const isSound =
    [chunks, ownCount, resumes].every((each) => each === undefined || typeof each === "boolean") &&
    [minChunkBytes, mostChunkBytes].every((each) => each === undefined || isSize(each));
  return isSound ? defined({ chunks, ownCount, resumes, minChunkBytes, mostChunkBytes }) : {};
}

/** Remembers what a registry showed. */
export function rememberHabits(
  memory: Memory,
  host: string,
  shown: Partial<UploadHabits>,
): void {
  memory.remember("registry", host, shown);
}

/** Whether a repository lent its blobs to another when it was last asked to. */
export function recallMount(memory: Memory, from: string, to: string): boolean {
  return memory.recall("mount", `${from} ${to}`) !== undefined;
}

/** Remembers whether a repository lent a blob to another. */
export function rememberMount(memory: Memory, from: string, to: string, mounted: boolean): void {
  if (recallMount(memory, from, to) === mounted) return;
  memory.remember("mount", `${from} ${to}`, mounted ? {} : undefined);
}

/** The upload of a blob that an earlier run began. */
export function recallUpload(
  memory: Memory,
  repository: string,
  digest: string,
): UploadState | undefined {
  const found = memory.recall("upload", `${repository}@${digest}`);
  const { location, offset, owner } = (found ?? {}) as Partial<UploadState>;
  if (typeof location !== "string" || !URL.canParse(location) || !isSize(offset)) return undefined;
  return { location, offset, ...(typeof owner === "string" ? { owner } : {}) };
}

/** Remembers how far an upload got, or forgets it. */
export function rememberUpload(
  memory: Memory,
  repository: string,
  digest: string,
  state: UploadState | undefined,
): void {
  memory.remember("upload", `${repository}@${digest}`, state);
}

function isSize(value: unknown): value is number {
  return Number.isSafeInteger(value) && Number(value) >= 0;
}
