/** Which nixos-anywhere is run, and the flags that it is given. */
import { assertEquals, assertStringIncludes } from "@std/assert";
import { join } from "@std/path";
import * as fc from "fast-check";
import { nixosAnywhereFlags } from "../../../tasks/install/nixos_anywhere_flags.ts";
import {
  nixosAnywhereProgram,
  nixosAnywhereRevision,
} from "../../../tasks/install/nixos_anywhere_program.ts";
import { fakeNixosAnywhere } from "../../support/fake_nixos_anywhere.ts";
import { writeProgram } from "../../support/program_file.ts";
import { findProgram } from "../../support/real.ts";

Deno.test("nixosAnywhereProgram() takes the program that is named, and nix run for a revision", async () => {
  assertEquals(await nixosAnywhereProgram({ program: "./it" }), ["./it"]);
  if (findProgram("nix") === undefined) return;
  const command = await nixosAnywhereProgram({ revision: "1.9.0" });
  assertEquals(command.slice(-3), ["run", "github:nix-community/nixos-anywhere/1.9.0", "--"]);
});

Deno.test("nixosAnywhereProgram() looks on PATH, then for nix, then says so", async () => {
  const folder = await Deno.makeTempDir({ prefix: "kedge-test-" });
  const fake = await fakeNixosAnywhere(folder);
  const module = new URL("../../../tasks/install/nixos_anywhere_program.ts", import.meta.url);
  const ask = async (path: string) => {
    const { stdout } = await new Deno.Command(Deno.execPath(), {
      args: [
        "eval",
        `const { nixosAnywhereProgram } = await import(${JSON.stringify(module.href)});
         await nixosAnywhereProgram({}).then((it) => console.log(JSON.stringify(it)), (error) => console.log(error.message));`,
      ],
      cwd: new URL("../../..", import.meta.url),
      env: { PATH: path },
    }).output();
    return new TextDecoder().decode(stdout).trim();
  };
  assertEquals(await ask(`/nowhere:${fake.bin}`), JSON.stringify([fake.program]));
  assertEquals(await ask("/nowhere"), "Cannot run nixos-anywhere: neither it nor nix is on PATH");
  await writeProgram(join(folder, "nix"), "#!/bin/sh\n");
  assertStringIncludes(await ask(folder), `nixos-anywhere/${nixosAnywhereRevision}`);
  await Deno.remove(folder, { recursive: true });
});

Deno.test("nixosAnywhereFlags() gives an address without the brackets that ssh does not know", () => {
  const target = "root@[2001:db8::7]";
  assertEquals(nixosAnywhereFlags({}, { target }, ["disko"], () => "").slice(0, 2), [
    "--target-host",
    "root@2001:db8::7",
  ]);
});

Deno.test("nixosAnywhereFlags() keeps each value one argument, whatever is in it", () => {
  const text = fc.string({ minLength: 1 });
  fc.assert(fc.property(text, text, text, (flags, key, value) => {
    const args = nixosAnywhereFlags(
      { kexecExtraFlags: flags, nixOptions: { [key]: value }, extraFiles: value },
      { target: "root@web1" },
      ["kexec", "disko", "install", "reboot"],
      () => "",
    );
    assertEquals(args, [
      "--target-host",
      "root@web1",
      "--kexec-extra-flags",
      flags,
      "--extra-files",
      value,
      "--option",
      key,
      value,
    ]);
  }));
});
