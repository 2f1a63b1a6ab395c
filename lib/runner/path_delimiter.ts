/** What stands between the folders of `PATH`. */
export const delimiter: string = Deno.build.os === "windows" ? ";" : ":";
