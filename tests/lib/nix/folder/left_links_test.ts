import { assertEquals } from "@std/assert";
import type { Digest } from "../../../../lib/base/digest.ts";
import type { CarriedImage } from "../../../../lib/nix/folder/carried_images.ts";
import { leftLinks } from "../../../../lib/nix/folder/left_links.ts";
import type { NixLink } from "../../../../lib/nix/folder/nix_links.ts";

const store = "/nix/store/00000000000000000000000000000000-nix";
const generation = { path: "profiles/default-2-link", target: store };

function image(links: readonly NixLink[]): CarriedImage {
  return {
    digest: `sha256:${"0".repeat(64)}` as Digest,
    nixVersion: "2.8.0",
    platform: "linux/amd64",
    paths: [],
    links: [...links],
    usedMs: 0,
  };
}

Deno.test("leftLinks() gives what only images have brought that are let go of", () => {
  const both = { path: "profiles/default", target: "default-1-link" };
  assertEquals(leftLinks([generation, both], [image([generation, both])], [image([both])]), [
    generation,
  ]);
  const changed = { ...generation, target: `${store}-other` };
  assertEquals(leftLinks([changed], [image([generation])], []), []);
});

for (
  const [how, ...links] of [
    ["a link to it", { path: "profiles/own", target: "default-2-link" }],
    ["a link into it", { path: "gcroots/own", target: "/nix/var/nix/profiles/default-2-link/bin" }],
    [
      "a link through a folder that is linked",
      { path: "gcroots/profiles", target: "/nix/var/nix/profiles" },
      { path: "gcroots/own", target: "profiles/default-2-link" },
    ],
    [
      "a link through two of them, and up again",
      { path: "gcroots/a", target: "../profiles" },
      { path: "gcroots/b", target: "/nix/var/nix/./gcroots/a" },
      { path: "profiles/mine/own", target: "../../gcroots//b/default-2-link" },
    ],
  ] as [string, ...NixLink[]][]
) {
  Deno.test(`leftLinks() leaves a generation that ${how} names`, () => {
    assertEquals(leftLinks([generation, ...links], [image([generation])], []), []);
  });
}

Deno.test("leftLinks() comes to an end where links lead in a circle", () => {
  const circle = [
    { path: "gcroots/a", target: "b/x" },
    { path: "gcroots/b", target: "a/y" },
  ];
  assertEquals(leftLinks([generation, ...circle], [image([generation])], []), [generation]);
});
