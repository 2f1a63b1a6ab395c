/** What the error says where a base image is not there. */
import { assertEquals, assertRejects } from "@std/assert";
import { join } from "@std/path";
import { KedgeError, NotAllowedError } from "../../lib/base/errors.ts";
import { Cache } from "../../lib/cache/cache.ts";
import { baseImage } from "../../tasks/base_image.ts";
import { startNginx } from "../support/nginx.ts";
import { pushNixImage } from "../support/nix_image.ts";
import { realTest } from "../support/real.ts";
import { startRegistry } from "../support/registry.ts";

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
      await Deno.remove(folder, { recursive: true });
    }
  },
);
