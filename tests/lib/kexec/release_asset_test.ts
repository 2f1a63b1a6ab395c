import { assertEquals } from "@std/assert";
import { parseReleaseAsset } from "../../../lib/kexec/release_asset.ts";

Deno.test("parseReleaseAsset() names the file of a release, and nothing beside the repository", () => {
  const at = (path: string) => parseReleaseAsset(`https://github.com${path}`);
  assertEquals(at("/a/b/releases/download/v%201/c%2B.tar.gz"), {
    repository: "a/b",
    tag: "v 1",
    name: "c+.tar.gz",
  });
  assertEquals(at("/a/..%2f..%2fx/releases/download/v1/c")?.repository, "a/..%2f..%2fx");
  assertEquals(at("/a/b/releases/download/%zz/c"), undefined);
  assertEquals(at("/a/b/raw/v1/c"), undefined);
});
