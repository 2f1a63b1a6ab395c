import { assertEquals } from "@std/assert";
import { plainPath } from "../../../lib/base/plain_path.ts";
import { inFolder } from "../../support/in_folder.ts";

Deno.test("plainPath() goes up from where a link leads, and leaves every other path alone", async () => {
  await inFolder(async (folder) => {
    await Deno.mkdir(`${folder}/real/deep`, { recursive: true });
    await Deno.symlink("real/deep", `${folder}/link`);
    const real = await Deno.realPath(`${folder}/real`);
    assertEquals(plainPath(`${folder}/link/..`), real);
    assertEquals(plainPath(`${folder}/link/../new/file`), `${real}/new/file`);
    assertEquals(plainPath(`${folder}/link/.././x/../deep`), `${folder}/link/.././x/../deep`);
    for (const path of ["", "x", "../../x", "./../x", `${folder}/none/../x`, `${folder}/link/x`]) {
      assertEquals(plainPath(path), path);
    }
  });
});

Deno.test({
  name: "plainPath() leaves a path alone where Deno goes by its text",
  permissions: { read: false },
  fn: () => assertEquals(plainPath("/tmp/../tmp/x"), "/tmp/../tmp/x"),
});
