import { fromFileUrl, join } from "@std/path";
import { onTerminal } from "./terminal.ts";

const root = fromFileUrl(new URL("../../", import.meta.url));

/** How Deno asks for a permission. */
const question = /Allow\?/;

/**
 * Runs the built-in program on a terminal, allowed the environment, the network and some files alone; gives its exit code and what it wrote.
 * As soon as Deno asks for more it is ended, by Ctrl-C, which its exit code tells.
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
      Deno.execPath(),
      "run",
      "--config",
      config,
      ...allowed,
      join(root, "mod.ts"),
      ...args,
    ],
  });
  await ran.until(question).then(() => ran.type("\x03"), () => "it ended without a question");
  return { code: await ran.code, written: ran.written() };
}
