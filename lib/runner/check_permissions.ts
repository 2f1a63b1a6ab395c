import { checkNames, type Refuse } from "./check_names.ts";
import { permissionKinds } from "./permission_set.ts";

/** Refuses permissions under names that do not exist, which would never be printed, and values that deno.json does not take. */
export function checkPermissions(given: unknown, refuse: Refuse): void {
  if (typeof given !== "object" || given === null || Array.isArray(given)) {
    return refuse("its permissions must be an object");
  }
  checkNames("its permissions have", given, ["all", ...permissionKinds], refuse);
  for (const [kind, value] of Object.entries(given)) {
    if (value === undefined || typeof value === "boolean") continue;
    if (kind === "all") refuse('the "all" of its permissions must be true or false');
    if (!Array.isArray(value) || !value.every((each) => typeof each === "string")) {
      refuse(`the "${kind}" of its permissions must be true, false or a list of texts`);
    }
  }
}
