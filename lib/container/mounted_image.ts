import { isAbsolute } from "@std/path";
import { KedgeError } from "../base/errors.ts";
import { GraceSignal } from "../base/grace_signal.ts";
import type { ContainerEngine } from "./container_engine.ts";

const graceMs = 5000;

/** Options of {@linkcode mountImage}. */
export interface MountImageOptions {
  /** Told where the image could not be given back: what happened, and what to do. */
  onLeft: (message: string) => void;
  /** Ends it. */
  signal: AbortSignal;
}

/** An image whose files an engine shows until it is given back, or disposed of, once or several times. */
export interface MountedImage extends AsyncDisposable {
  /** The folder that shows its root, as the engine names it. */
  readonly folder: string;
  /** Gives it back; `false` if the engine has it no more, so that its files may have gone while they were read. */
  giveBack(): Promise<boolean>;
  [Symbol.asyncDispose](): Promise<void>;
}

/**
 * Has podman show the files of an image in a folder. podman counts who asked for that, so that each gives back his own. An abort waits a
 * moment for podman, since one that is ended halfway does not tell whether it counted. A process that is killed leaves the image mounted, until
 * it is removed or `podman image unmount` is run.
 *
 * @param id the digest of the image's config, in hexadecimal
 * @throws {KedgeError} if podman has no such image, or this user's podman may mount none
 */
export async function mountImage(
  engine: ContainerEngine,
  id: string,
  { onLeft, signal }: MountImageOptions,
): Promise<MountedImage> {
  signal.throwIfAborted();
  using grace = new GraceSignal(signal, graceMs);
  const printed = await engine.must(["image", "mount", id], `mount the image ${id}`, {
    signal: grace.signal,
  });
  let ending: Promise<boolean> | undefined;
  const giveBack = () => ending ??= unmount(engine, id, onLeft);
  const folder = printed.replace(/\n$/, "");
  if (!signal.aborted && isAbsolute(folder)) {
    return { folder, giveBack, [Symbol.asyncDispose]: async () => void await giveBack() };
  }
  await giveBack();
  signal.throwIfAborted();
  const what = JSON.stringify(folder.slice(0, 100));
  throw new KedgeError(`Cannot mount the image ${id}: ${engine.kind} named no folder, but ${what}`);
}

async function unmount(
  engine: ContainerEngine,
  id: string,
  onLeft: MountImageOptions["onLeft"],
): Promise<boolean> {
  const { code, stderr } = await engine.run(["image", "unmount", id]);
  if (code === 0) return true;
  // One that was removed meanwhile is mounted nowhere any more.
  if (/no such image|image not known/i.test(stderr)) return false;
  const { message } = engine.failed(`unmount the image ${id}`, code, stderr);
  onLeft(`${message}; unmount it with ${engine.kind} image unmount ${id}`);
  return true;
}
