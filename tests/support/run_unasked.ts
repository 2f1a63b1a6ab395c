import { fromFileUrl, join } from "@std/path";
import { onTerminal } from "./terminal.ts";

const root = fromFileUrl(new URL("../../", import.meta.url));

/**
 * Runs the built-in program on a terminal where nobody answers what Deno asks, allowed the environment, the network and some files alone;
 * gives its exit code and what it wrote.
 */
export async function runUnasked(
  args: readonly string[],
  { folder, files }: { folder: string; files: readonly string[] },
): Promise<{ code: number; written: string }> {
  const allowed = [
    "--allow-env",
    "--allow-net",
    `--allow-read=${[...files, root, "/proc"].join(",")}`,
    `--allow-write=${files.join(",")}`,
  ];
  const config = join(root, "deno.json");
  const ran = onTerminal("", [], {
    columns: 200,
    env: { DOCKER_CONFIG: folder, DENO_NO_UPDATE_CHECK: "1" },
    command: [
      ...["timeout", "--foreground", "--signal=KILL", "10"],
      ...[Deno.execPath(), "run", "--config", config, ...allowed, join(root, "mod.ts"), ...args],
    ],
  });
  return { code: await ran.code, written: ran.written() };
}
