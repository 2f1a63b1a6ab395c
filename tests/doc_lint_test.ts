/** What the doors give is documented, and names no type that they keep to themselves. */
import { assertEquals } from "@std/assert";
import { fromFileUrl } from "@std/path";
import config from "../deno.json" with { type: "json" };

const root = fromFileUrl(new URL("..", import.meta.url));

Deno.test("`deno doc --lint` finds nothing at the doors of the package", async () => {
  const { success, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["doc", "--lint", "--quiet", ...Object.values(config.exports)],
    cwd: root,
    env: { NO_COLOR: "1" },
    stdout: "null",
  }).output();
  assertEquals([success, new TextDecoder().decode(stderr)], [true, ""]);
});
