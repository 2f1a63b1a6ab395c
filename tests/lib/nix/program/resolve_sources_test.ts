import { assertRejects } from "@std/assert";
import { UsageError } from "../../../../lib/base/errors.ts";
import { resolveSources } from "../../../../lib/nix/program/resolve_sources.ts";

Deno.test("resolveSources() gives Nix no name that it would take for an option", async () => {
  for (const name of ["--option#x", "-I#x", "--impure^out"]) {
    await assertRejects(() => resolveSources([name]), UsageError, "for an option");
  }
});
