import { isAbsolute } from "@std/path";
import { toText } from "@std/streams";
import { KedgeError, NotAllowedError } from "../base/errors.ts";
import type { ContainerEngine } from "./container_engine.ts";

/** What a shell ends with where there is no such program. */
const notFound = 127;

/**
 * Mounts an image, and gives it back when nobody writes to it any more: also when who started it was killed. What podman says is kept until it
 * ended, since a podman that nobody hears may end itself after it mounted, or before it unmounts.
 */
const holding = `trap '' HUP INT TERM PIPE
exec 3>&1
id=$1
shift
said=$(
  exec 2>&1
  folder=$("$@" image mount "$id" </dev/null 3>&-) || exit
  printf '%s\\n' "$folder" >&3 || true
)
code=$?
exec 3>&-
if [ $code = 0 ]; then
  read -r line
  said=$("$@" image unmount "$id" </dev/null 2>&1 >/dev/null)
  code=$?
fi
printf '%s\\n' "$said" >&2
exit $code`;

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
 * Has podman show the files of an image in a folder. podman counts who asked for that, so that each gives back his own: a shell does, in a
 * session of its own, which outlives a process that is killed. An abort waits for nothing: podman is never ended halfway, and the shell
 * gives back what it mounted. Where the shell is killed too, the image stays mounted until it is removed or `podman image unmount` is run.
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
  const holder = new Holder(engine, id);
  let ending: Promise<boolean> | undefined;
  const mounting = holder.folder();
  const giveBack = () => ending ??= unmounted(holder.end(), mounting, { engine, id, onLeft });
  const aborted = Promise.withResolvers<undefined>();
  const abort = () => aborted.resolve(undefined);
  signal.addEventListener("abort", abort, { once: true });
  const folder = await Promise.race([mounting, aborted.promise]);
  signal.removeEventListener("abort", abort);
  if (signal.aborted) {
    // The shell does that by itself, however long podman takes and whether or not this process goes on.
    giveBack().catch(() => undefined);
    holder.unref();
    throw signal.reason;
  }
  if (folder === undefined) {
    const { code, stderr } = await holder.end();
    if (code === notFound) throw engine.missing();
    throw engine.failed(`mount the image ${id}`, code, stderr);
  }
  if (isAbsolute(folder)) {
    return { folder, giveBack, [Symbol.asyncDispose]: async () => void await giveBack() };
  }
  await giveBack();
  const what = JSON.stringify(folder.slice(0, 100));
  throw new KedgeError(`Cannot mount the image ${id}: ${engine.kind} named no folder, but ${what}`);
}

/** How the shell that holds an image ended. */
interface HolderEnd {
  code: number;
  stderr: string;
}

/** The shell that holds an image. */
class Holder {
  readonly #child: Deno.ChildProcess;
  readonly #stderr: Promise<string>;

  constructor({ program, args }: ContainerEngine, id: string) {
    try {
      this.#child = new Deno.Command("sh", {
        args: ["-c", holding, "sh", id, program, ...args],
        stdin: "piped",
        stdout: "piped",
        stderr: "piped",
        detached: Deno.build.os !== "windows",
      }).spawn();
    } catch (cause) {
      throw new NotAllowedError(`Cannot run "sh", which mounts: ${(cause as Error).message}`, {
        cause,
      });
    }
    this.#stderr = toText(this.#child.stderr);
  }

  /** The folder that was named; `undefined` where nothing was mounted. */
  async folder(): Promise<string | undefined> {
    const decoder = new TextDecoder();
    let text = "";
    for await (const bytes of this.#child.stdout) {
      text += decoder.decode(bytes, { stream: true });
      const end = text.indexOf("\n");
      if (end >= 0) return text.slice(0, end);
    }
    return undefined;
  }

  /** Lets this process end before it. */
  unref(): void {
    this.#child.unref();
  }

  /** Has it end, and tells how. */
  async end(): Promise<HolderEnd> {
    // One that has ended by itself reads no more.
    await this.#child.stdin.close().catch(() => undefined);
    const [{ code }, stderr] = await Promise.all([this.#child.status, this.#stderr]);
    return { code, stderr };
  }
}

async function unmounted(
  end: Promise<HolderEnd>,
  mounting: Promise<string | undefined>,
  { engine, id, onLeft }:
    & { engine: ContainerEngine; id: string }
    & Pick<
      MountImageOptions,
      "onLeft"
    >,
): Promise<boolean> {
  const { code, stderr } = await end;
  if (code === 0 || await mounting === undefined) return true;
  // One that was removed meanwhile is mounted nowhere any more.
  if (/no such image|image not known/i.test(stderr)) return false;
  const { message } = engine.failed(`unmount the image ${id}`, code, stderr);
  onLeft(`${message}; unmount it with ${engine.kind} image unmount ${id}`);
  return true;
}
