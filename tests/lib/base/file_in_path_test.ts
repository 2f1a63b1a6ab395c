import { assertEquals } from "@std/assert";
import { join } from "@std/path";
import { fileInPath } from "../../../lib/base/file_in_path.ts";
import { findProgram } from "../../../lib/base/find_program.ts";
import { environment } from "../../support/environment.ts";
import { inFolder } from "../../support/in_folder.ts";

Deno.test("fileInPath() and findProgram() pass over what is not a file, and what cannot be looked at; an executable file goes first", () =>
  inFolder(async (folder) => {
    const at = (...names: string[]) => join(folder, ...names);
    // No folder of this machine's PATH has it.
    const tool = `tool-${crypto.randomUUID()}`;
    await Deno.mkdir(at("folder", tool), { recursive: true });
    await Deno.mkdir(at("loop"));
    await Deno.symlink(tool, at("loop", tool));
    await Deno.mkdir(at("plain"));
    await Deno.writeTextFile(at("plain", tool), "", { mode: 0o644 });
    const path = ["", at("folder"), at("loop"), at("plain", tool), at("plain")];
    const plain = { path: at("plain", tool), isExecutable: false };
    assertEquals(await fileInPath(tool, path.join(":")), plain);
    assertEquals(await fileInPath("other", path.join(":")), undefined);
    const usual = Deno.env.get("PATH")!;
    using _environment = await environment({ PATH: [...path, usual, at("good")].join(":") });
    assertEquals(await findProgram(tool), undefined);
    await Deno.mkdir(at("good"));
    const good = at("good", tool);
    await Deno.writeTextFile(good, "", { mode: 0o755 });
    assertEquals(await fileInPath(tool), { path: good, isExecutable: true });
    assertEquals(await findProgram(tool), good);
  }));
