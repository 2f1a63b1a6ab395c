/**
 * The built-in tasks that a command line names, without the rest of them: a task that finds its work done would wait longer for the
 * declarations of all others than it takes itself. They come without the permissions that they use, of which only `permissions` asks.
 *
 * @module
 */
import type { AnyTask } from "../../lib/runner/task.ts";

const rooms: readonly (readonly [names: RegExp, load: () => Promise<Record<string, unknown>>])[] = [
  [/^kexec$/, () => import("./kexec_ready.ts")],
  [/^nixos-anywhere$/, () => import("./nixos_anywhere.ts")],
  [/^image:sync$/, () => import("./image_ready.ts")],
  [/^image:(ls|inspect|diff|gc|rm)$/, () => import("./image_read.ts")],
  [/^base-image$/, () => import("./base_image.ts")],
  [/^base-image:(carry|prune|export|import)$/, () => import("./base_image_store.ts")],
  [/^disk:pull$/, () => import("./disk_pull_ready.ts")],
  [/^disk:(push|verify|inspect|diff)$/, () => import("./disk.ts")],
  [/^publish$/, () => import("./publish.ts")],
  [/^publish:(verify|rollback|prune|keygen)$/, () => import("./publish_after.ts")],
  [/^catalog:(ls|show)$/, () => import("./catalog.ts")],
  [/^cache:(dir|size|ls|why|verify|prune|clean)$/, () => import("./cache.ts")],
  [/^runs(:show)?$/, () => import("./runs.ts")],
];

/** Words that ask for more than one task: a list, a help, a script that completes them, what several may do. */
const asksForAll = /^(--help|--list|--completions(=.*)?|-[a-z]*[hl][a-z]*|permissions)$/;

/** The tasks that the words of a command line may name; all of them where that is not one for sure. */
export async function askedTasks(
  words: readonly string[],
): Promise<Readonly<Record<string, AnyTask>>> {
  const asked = rooms.filter(([names]) => words.some((word) => names.test(word)));
  if (asked.length === 0 || words.some((word) => asksForAll.test(word))) {
    return (await import("./mod.ts")).builtinTasks;
  }
  const modules = await Promise.all([
    ...asked.map(([, load]) => load()),
    ...(words.some(isAtRegistry) && !words.some(asksLater) ? [import("./registry_ready.ts")] : []),
  ]);
  return Object.fromEntries(
    modules.flatMap((module) => Object.entries(module).filter(isTask)),
  );
}

function isAtRegistry(word: string): boolean {
  return word.startsWith("docker://");
}

/** Whether a task has something to begin with before it asks a registry. */
function asksLater(word: string): boolean {
  return word === "disk:pull";
}

function isTask(entry: [string, unknown]): entry is [string, AnyTask] {
  const [, value] = entry;
  return typeof value === "object" && value !== null && "declared" in value;
}
