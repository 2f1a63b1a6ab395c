import { join } from "@std/path";

/**
 * `kexec --load KERNEL ... --initrd=FILE --command-line TEXT` and `kexec -e`, as far as a bundle's `run` needs them: the system calls
 * kexec_file_load and reboot, without a library. Flags that it does not know are passed over, as `--no-checks` may be.
 */
const source = String.raw`
long sys(long n, long a, long b, long c, long d, long e);
__asm__(
  ".globl sys\nsys: mov %rdi,%rax\n mov %rsi,%rdi\n mov %rdx,%rsi\n mov %rcx,%rdx\n mov %r8,%r10\n"
  " mov %r9,%r8\n syscall\n ret\n"
  ".globl _start\n_start: mov %rsp,%rdi\n and $-16,%rsp\n call begin\n mov %rax,%rdi\n mov $60,%rax\n syscall\n");

static long length(char *s) { long n = 0; while (s[n]) n++; return n; }
static char *after(char *s, char *head) {
  while (*head) if (*s++ != *head++) return 0;
  return s;
}
static long fail(char *what) {
  sys(1, 2, (long)"kexec: cannot ", 14, 0, 0);
  sys(1, 2, (long)what, length(what), 0, 0);
  sys(1, 2, (long)"\n", 1, 0, 0);
  return 1;
}

long begin(long *stack) {
  long count = stack[0];
  char **arg = (char **)(stack + 1);
  char *kernel = 0, *initrd = 0, *line = "", *value;
  for (long i = 1; i < count; i++) {
    if (after(arg[i], "-e")) {
      sys(162, 0, 0, 0, 0, 0);                              /* sync */
      sys(169, 0xfee1dead, 672274793, 0x45584543, 0, 0);    /* reboot: LINUX_REBOOT_CMD_KEXEC */
      return fail("execute");
    }
    if (after(arg[i], "--load")) continue;
    if (after(arg[i], "--command-line") && i + 1 < count) line = arg[++i];
    else if ((value = after(arg[i], "--initrd="))) initrd = value;
    else if (arg[i][0] != '-') kernel = arg[i];
  }
  if (!kernel || !initrd) return fail("load without a kernel and an initrd");
  long k = sys(2, (long)kernel, 0, 0, 0, 0);
  if (k < 0) return fail("open the kernel");
  long r = sys(2, (long)initrd, 0, 0, 0, 0);
  if (r < 0) return fail("open the initrd");
  if (sys(320, k, r, length(line) + 1, (long)line, 0) < 0) return fail("load: kexec_file_load failed");
  return 0;
}
`;

/** Programs that {@linkcode compileStaticKexec} runs. */
export const staticKexecPrograms = ["tcc"];

/** A static `kexec` for x86_64 that knows kexec_file_load alone. */
export async function compileStaticKexec(): Promise<Uint8Array<ArrayBuffer>> {
  const folder = await Deno.makeTempDir({ prefix: "kedge-kexec-" });
  try {
    await Deno.writeTextFile(join(folder, "kexec.c"), source);
    const { success, stderr } = await new Deno.Command("tcc", {
      args: ["-nostdlib", "-static", "-o", "kexec", "kexec.c"],
      cwd: folder,
    }).output();
    if (!success) throw new Error(new TextDecoder().decode(stderr));
    return await Deno.readFile(join(folder, "kexec"));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}
