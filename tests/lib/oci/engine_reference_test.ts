import { assertEquals, assertThrows } from "@std/assert";
import { UsageError } from "../../../lib/base/errors.ts";
import { formatDestination, parseDestination } from "../../../lib/oci/engine_reference.ts";

Deno.test("parseDestination() reads images of engines, registries and layouts", () => {
  for (
    const text of [
      "podman:app",
      "podman:localhost:5000/app:v1",
      "docker-daemon:acme/app:v1",
      "docker://ghcr.io/acme/app:v1",
      "oci:images/app:v1",
    ]
  ) assertEquals(formatDestination(parseDestination(text)), text);
});

const unknown = "it begins with none of docker://, oci:, podman: and docker-daemon:";
const ways =
  "write docker://HOST/REPOSITORY[:TAG], oci:FOLDER[:TAG], podman:NAME[:TAG] or docker-daemon:NAME[:TAG]";

for (
  const [text, state, hint] of [
    ["", unknown, ways],
    ["app", unknown, ways],
    ["app:v1", unknown, ways],
    ["podman", unknown, "write podman:NAME[:TAG]"],
    ["docker-daemon", unknown, "write docker-daemon:NAME[:TAG]"],
    ["oci", unknown, "write oci:FOLDER[:TAG]"],
    ["podmn:app:v1", unknown, "did you mean podman:app:v1?"],
    ["Podman:app", unknown, "did you mean podman:app?"],
    ["docker-deamon:app:v1", unknown, "did you mean docker-daemon:app:v1?"],
    ["dockerdaemon:app", unknown, "did you mean docker-daemon:app?"],
    ["containers-storage:app", unknown, "did you mean podman:app?"],
    ["docker:ghcr.io/acme/app", unknown, "did you mean docker://ghcr.io/acme/app?"],
    ["docker:app", unknown, "did you mean docker-daemon:app?"],
    ["ghcr.io/acme/app", unknown, "did you mean docker://ghcr.io/acme/app?"],
    ["oic:images:v1", unknown, "did you mean oci:images:v1?"],
    ["dir:images", unknown, "did you mean oci:images?"],
    ["podman:", '"" is not a name for an image', "write podman:NAME[:TAG]"],
    ["podman://app:v1", '"//app" is not a name for an image', "did you mean podman:app:v1?"],
    ["podman:App:v1", '"App" is not a name for an image', "did you mean podman:app:v1?"],
    ["podman:app:v1:v2", '"v1:v2" is not a tag', "write podman:NAME[:TAG]"],
    ["podman:app@sha256:0", "named by a tag, not by a digest", "write podman:NAME[:TAG]"],
    ["docker://app", "it names no repository after a host", "did you mean docker://docker.io/"],
  ] as const
) {
  Deno.test(`parseDestination() refuses ${JSON.stringify(text)} and says what is meant`, () => {
    const error = assertThrows(() => parseDestination(text), UsageError, state);
    const said = error.hint?.slice(0, hint.length);
    assertEquals([said, error.message.includes(JSON.stringify(text))], [hint, true]);
  });
}
