/** The version of kedge, as `deno.json` has it. */
export const version = "0.1.0";
