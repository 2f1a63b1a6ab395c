/** What a dry run foresees of folders in which only the kernel makes names. */
import { assertThrows } from "@std/assert";
import { foreseeNames } from "../../../lib/base/foresee_names.ts";

for (const folder of ["/proc", "/proc/store/nar", "/proc/self/store", "/sys/store"]) {
  Deno.test({
    name: `foreseeNames() fails in ${folder}, where only the kernel makes names`,
    ignore: Deno.build.os !== "linux",
    fn: () => void assertThrows(() => foreseeNames(folder), Deno.errors.PermissionDenied),
  });
}
