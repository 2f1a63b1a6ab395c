/** What the error says where a base image is not there. */
import { assertEquals, assertRejects } from "@std/assert";
import { join } from "@std/path";
import { KedgeError, NotAllowedError } from "../../../lib/base/errors.ts";
import { Cache } from "../../../lib/cache/cache.ts";
import { baseImage } from "../../../tasks/base_image/base_image.ts";
import { formatPlatform, machinePlatform } from "../../../lib/oci/platform.ts";
import { FakeRegistry } from "../../support/fake_registry.ts";
import { startNginx } from "../../support/nginx.ts";
import { pushNixImage } from "../../support/nix_image.ts";
import { realTest } from "../../support/real.ts";
import { startRegistry } from "../../support/registry.ts";
import { removeTree } from "../../support/remove_tree.ts";

realTest(
  "baseImage() says that there is no such image also where the registry lists no tags",
  ["docker-registry", "nginx"],
  async () => {
    const folder = await Deno.makeTempDir();
    await using registry = await startRegistry();
    await using proxy = await startNginx({
      root: folder,
      locationConfig: `proxy_pass http://${registry.host}; proxy_set_header Host $http_host;`,
      locations: "location ~ /tags/list$ { return 403; }",
    });
    try {
      await pushNixImage(folder, registry.host, "2.8.0", [{ label: "2.8.0" }]);
      const repository = `127.0.0.1:${proxy.port}/nixos/nix`;
      const find = (nixVersion: string, fallback?: string) =>
        baseImage({ nixVersion, repository, fallback }, {
          cache: new Cache(join(folder, "cache")),
        });
      assertEquals((await find("2.9.0", "2.8.0")).nixVersion, "2.8.0");
      for (
        const [error, message] of [
          [
            await assertRejects(() => find("2.9.1"), KedgeError),
            `Cannot find a base image with Nix "2.9.1" in "${repository}": it has no such tag`,
          ],
          [
            await assertRejects(() => find("2.9.1", "2.8.1"), KedgeError),
            `Cannot fall back to "2.8.1": "${repository}" has no such tag`,
          ],
        ] as const
      ) {
        assertEquals([error.message, error.exitCode], [message, 1]);
        assertEquals(
          error.hint,
          "the registry does not list its tags; choose one that it has with --fallback",
        );
      }
      // Which one is the newest nobody can tell.
      await assertRejects(() => find("2.9.1", "minor"), NotAllowedError, "Cannot list the tags");
    } finally {
      await removeTree(folder);
    }
  },
);

Deno.test("baseImage() says what is wrong in the config of an image, and where", async () => {
  const folder = await Deno.makeTempDir();
  await using registry = new FakeRegistry();
  try {
    const label = "org.opencontainers.image.version";
    const platform = formatPlatform(machinePlatform());
    const repository = `${registry.host}/nixos/nix`;
    const cases: [Record<string, unknown>, string, string?][] = [
      [
        { config: { Labels: { [label]: 5 } } },
        `Cannot read the config of "NAME": config.Labels.${label}: Invalid type: Expected string but received 5`,
      ],
      [
        { config: { Labels: { [label]: "x".repeat(1000) } } },
        `Cannot use "NAME" as base image: its label "${"x".repeat(60)}" is not a version`,
        "name the repository of official images with --repository",
      ],
      [
        { architecture: undefined },
        `Cannot use "NAME" on ${platform}: it is for no platform that it names`,
      ],
      [
        { architecture: "riscv64" },
        `Cannot use "NAME" on ${platform}: it is for linux/riscv64`,
        "choose one of these with --platform",
      ],
    ];
    for (const [at, [config, message, hint]] of cases.entries()) {
      const tag = `2.8.${at}`;
      await pushNixImage(folder, registry.host, tag, [{ label: tag, config }]);
      const error = await assertRejects(
        () =>
          baseImage({ nixVersion: tag, repository }, { cache: new Cache(join(folder, "cache")) }),
        KedgeError,
      );
      const expected = message.replace("NAME", `${repository}:${tag}`);
      assertEquals([error.message, error.hint], [expected, hint]);
    }
  } finally {
    await removeTree(folder);
  }
});
