import { fromFileUrl, join } from "@std/path";
import { toFileUrl } from "@std/path/to-file-url";
import { shellLine } from "../../lib/ssh/shell_quote.ts";
import type { PermissionSet } from "../../lib/runner/permission_set.ts";

const root = fromFileUrl(new URL("../../", import.meta.url));

/** One use of a permission, granted or not, as Deno's audit tells it. */
export interface Use {
  /** Its kind: `read`, `env`. */
  readonly permission: string;
  /** The path, the host, the variable, the program. */
  readonly value: string;
}

/** How a run of the built-in program ended, and what it used. */
export interface AuditedRun {
  /** The exit code. */
  readonly code: number;
  /** What it said. */
  readonly stderr: string;
  /** What it used, or tried to. */
  readonly uses: readonly Use[];
}

/** Options of {@linkcode runAudited}. */
export interface RunAuditedOptions {
  /** The working folder; the audit is written there too. */
  cwd: string;
  /** The whole environment. */
  env: Readonly<Record<string, string>>;
  /** Whether all files are allowed as a whole, which links and databases by their URI want. @default {false} */
  unscoped?: boolean;
  /** Whether it runs on a terminal. @default {false} */
  terminal?: boolean;
}

/** Runs the built-in program with these permissions and no others; gives what Deno's audit saw. */
export async function runAudited(
  set: PermissionSet,
  args: readonly string[],
  options: RunAuditedOptions,
): Promise<AuditedRun> {
  const audit = join(options.cwd, `audit-${crypto.randomUUID()}.jsonl`);
  const config = `${audit}.config.json`;
  const lock = `${audit}.lock`;
  await Deno.copyFile(join(root, "deno.lock"), lock);
  await Deno.writeTextFile(config, JSON.stringify(await configOfUsers(lock)));
  const command = [
    ...[
      Deno.execPath(),
      "run",
      "--no-prompt",
      "--cached-only",
      ...flagsOf(set, options.unscoped ?? false),
    ],
    ...["--config", config, join(root, "mod.ts"), ...args],
  ];
  const [program, ...rest] = options.terminal
    ? ["script", "-qec", shellLine(command), "/dev/null"]
    : command;
  const { code, stderr } = await new Deno.Command(program!, {
    args: rest,
    cwd: options.cwd,
    env: { ...options.env, DENO_AUDIT_PERMISSIONS: audit },
    clearEnv: true,
    stdin: "null",
  }).output();
  const lines = (await Deno.readTextFile(audit)).split("\n").filter((line) => line !== "");
  const uses = lines.map((line) => {
    const { permission, value } = JSON.parse(line) as { permission: string; value?: string };
    return { permission, value: value ?? "" };
  });
  return { code, stderr: new TextDecoder().decode(stderr), uses };
}

/**
 * The configuration of this checkout from anywhere, but for lazy imports: a local module that is imported late is read with the
 * program's own permissions, which a module of the package from JSR is not. The lockfile, a copy, spares the registry a question.
 */
async function configOfUsers(lock: string): Promise<object> {
  const { imports } = JSON.parse(await Deno.readTextFile(join(root, "deno.json")));
  const base = toFileUrl(join(root, "deno.json"));
  const absolute = Object.entries<string>(imports).map((
    [name, target],
  ) => [name, target.startsWith(".") ? new URL(target, base).href : target]);
  return { imports: Object.fromEntries(absolute), lock };
}

/**
 * The flags of a set. All files are spelled `/` where that will do: it allows the same, but then the audit tells reads and writes
 * apart.
 */
function flagsOf(set: PermissionSet, unscoped: boolean): string[] {
  if (set.all) return ["--allow-all"];
  return Object.entries(set).map(([kind, allowed]: [string, boolean | readonly string[]]) => {
    if (allowed !== true) return `--allow-${kind}=${(allowed as readonly string[]).join(",")}`;
    return !unscoped && (kind === "read" || kind === "write")
      ? `--allow-${kind}=/`
      : `--allow-${kind}`;
  });
}
