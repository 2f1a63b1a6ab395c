/** A registry that refuses a push in the middle of a blob, behind a proxy that does so. */
import { assertEquals, assertStringIncludes } from "@std/assert";
import { ImageRoom } from "../../support/image_room.ts";
import { randomBytes, writeImage } from "../../support/layout.ts";
import { startNginx } from "../../support/nginx.ts";
import { runKedge } from "../../support/program.ts";
import { realTest } from "../../support/real.ts";
import { startRegistry } from "../../support/registry.ts";

const layerBytes = 70_000_000;

realTest(
  "image:sync that is refused in the middle of a blob says status, host and scope, names nothing, and goes on there once it may",
  ["docker-registry", "nginx"],
  async () => {
    await using room = await ImageRoom.make();
    await using registry = await startRegistry();
    await writeImage(room.path("from"), "v1", { layers: [randomBytes(layerBytes), "small"] });
    const flag = room.path("refuses");
    await Deno.writeTextFile(flag, "");
    const pass = `proxy_pass ${registry.url}; proxy_set_header Host $http_host;
      proxy_request_buffering off;`;
    // Of a chunk that is not the first.
    const refuse = `set $refused ""; if ($http_content_range ~ "^[1-9]") { set $refused "1"; }
      if (-f ${flag}) { set $refused "\${refused}1"; } if ($refused = "11") { return 403; }`;
    await using nginx = await startNginx({
      root: room.folder,
      locationConfig: pass,
      locations: `location ~ /blobs/uploads/ { ${refuse} ${pass} }`,
    });
    const host = new URL(nginx.url).host;
    const run = () =>
      runKedge(["image:sync", `oci:${room.path("from")}:v1`, `docker://${host}/a:v1`, "--json"], {
        cacheDir: room.path("cache"),
      });
    const tags = async () => (await fetch(`${registry.url}/v2/a/tags/list`)).json();
    const refused = await run();
    assertEquals(refused.code, 5, refused.stderr);
    assertStringIncludes(refused.stderr + refused.stdout, "the registry answered 403");
    assertStringIncludes(refused.stderr + refused.stdout, `${host}/a`);
    assertStringIncludes(refused.stderr + refused.stdout, "repository:a:pull,push");
    assertEquals((await tags()).tags, undefined);
    await Deno.remove(flag);
    const done = await run();
    assertEquals(done.code, 0, done.stderr);
    assertEquals((await tags()).tags, ["v1"]);
    const { value } = JSON.parse(done.stdout.trim().split("\n").at(-1)!);
    // The first chunk was taken before the second was refused.
    assertEquals(value.bytesMoved < layerBytes - 30_000_000, true, `${value.bytesMoved}`);
  },
);
