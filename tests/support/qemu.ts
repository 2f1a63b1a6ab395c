import { freePort } from "./free_port.ts";

/** Options of {@linkcode startQemu}. */
export interface StartQemuOptions {
  /** The kernel. */
  kernel: string;
  /** The initial ramdisk. */
  initrd: string;
  /** What follows `console=ttyS0 panic=-1` on the kernel's command line. */
  commandLine?: string;
  /** The memory in MiB. @default {512} */
  memoryMiB?: number;
}

/** A running virtual machine. */
export interface Qemu extends AsyncDisposable {
  /** The process. */
  readonly pid: number;
  /** The port here that leads to the guest's port 22. */
  readonly sshPort: number;
  /** All that came on the serial console so far. */
  readonly console: string;
  /** Waits for a text on the serial console. */
  seen(text: string, timeoutMs?: number): Promise<void>;
  /** Whether the process lives. */
  readonly isRunning: boolean;
}

/** Programs that {@linkcode startQemu} runs. */
export const qemuPrograms = ["qemu-system-x86_64"];

/** Starts a virtual machine whose processor is emulated; no accelerator of the host is asked for. */
export async function startQemu(options: StartQemuOptions): Promise<Qemu> {
  const sshPort = await freePort();
  const child = new Deno.Command("qemu-system-x86_64", {
    args: [
      ...["-accel", "tcg,thread=multi", "-cpu", "max", "-m", `${options.memoryMiB ?? 512}`],
      ...["-nodefaults", "-no-user-config", "-display", "none", "-no-reboot"],
      ...["-kernel", options.kernel, "-initrd", options.initrd],
      ...["-append", `console=ttyS0 panic=-1 ${options.commandLine ?? ""}`],
      ...["-serial", "stdio", "-monitor", "none"],
      ...["-netdev", `user,id=n,restrict=on,hostfwd=tcp:127.0.0.1:${sshPort}-:22`],
      ...["-device", "virtio-net-pci,netdev=n,romfile="],
    ],
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  let text = "";
  let isRunning = true;
  const waiting = new Set<() => void>();
  const read = async (stream: ReadableStream<Uint8Array>) => {
    const decoder = new TextDecoder();
    for await (const piece of stream) {
      text += decoder.decode(piece, { stream: true });
      for (const look of waiting) look();
    }
  };
  const ended = Promise.all([read(child.stdout), read(child.stderr), child.status]).then(() => {
    isRunning = false;
    for (const look of waiting) look();
  });
  return {
    pid: child.pid,
    sshPort,
    get console() {
      return text;
    },
    get isRunning() {
      return isRunning;
    },
    async seen(wanted, timeoutMs = 400_000) {
      const found = Promise.withResolvers<void>();
      const look = () => {
        if (text.includes(wanted)) found.resolve();
        else if (!isRunning) found.reject(new Error(`the machine ended:\n${text.slice(-4000)}`));
      };
      const timer = setTimeout(
        () => found.reject(new Error(`no "${wanted}" on the console:\n${text.slice(-4000)}`)),
        timeoutMs,
      );
      waiting.add(look);
      look();
      try {
        await found.promise;
      } finally {
        waiting.delete(look);
        clearTimeout(timer);
      }
    },
    async [Symbol.asyncDispose]() {
      if (isRunning) child.kill("SIGKILL");
      await ended;
    },
  };
}
