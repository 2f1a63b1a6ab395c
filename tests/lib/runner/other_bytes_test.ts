import { assertEquals } from "@std/assert";
import { join } from "@std/path";
import { folderNames } from "../../../lib/base/files.ts";
import { inFolder } from "../../support/in_folder.ts";

const program = new URL("../../../mod.ts", import.meta.url).pathname;

Deno.test({
  name: "an argument that is not UTF-8 is refused: a file of another name would be written",
  ignore: Deno.build.os !== "linux",
  fn: () =>
    inFolder(async (folder) => {
      const script = `exec "$0" run -A "$1" disk:pull oci:layout "$(printf 'x\\377y')"`;
      const { code, stderr } = await new Deno.Command("sh", {
        args: ["-c", script, Deno.execPath(), program],
        cwd: folder,
        env: { NO_COLOR: "1", KEDGE_CACHE_DIR: join(folder, "cache") },
      }).output();
      assertEquals([code, new TextDecoder().decode(stderr)], [
        2,
        'error: Cannot read the argument "x\uFFFDy": it is not UTF-8\nhint: give the file a name in UTF-8\n',
      ]);
      assertEquals(await folderNames(folder), []);
    }),
});
