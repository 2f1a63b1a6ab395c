/** What no container can have is refused before the engine is asked. */
import { assertRejects, assertStringIncludes } from "@std/assert";
import type { Digest } from "../../../lib/base/digest.ts";
import { UsageError } from "../../../lib/base/errors.ts";
import { Redactor } from "../../../lib/base/redactor.ts";
import { Secret } from "../../../lib/base/secret.ts";
import { inContainer, type InContainerOptions } from "../../../tasks/container/in_container.ts";

for (const dryRun of [true, false]) {
  Deno.test(
    `${
      dryRun ? "a dry run of " : ""
    }inContainer() refuses what no container can have before the engine is asked`,
    async () => {
      const digest = `sha256:${"0".repeat(64)}` as Digest;
      const reference = "docker://127.0.0.1:1/nixos/nix:2.8.0";
      const base = {
        ...{ reference, digest, manifestDigest: digest, configDigest: digest },
        platform: "linux/amd64",
      };
      const taken = new ReadableStream<Uint8Array>();
      taken.getReader();
      const cases: [Partial<InContainerOptions>, string][] = [
        [
          { mounts: [{ volume: "a/b", to: "/x" }] },
          'Cannot mount the volume "a/b": it is not a name',
        ],
        [{ mounts: [{ folder: "/a,b", to: "/x" }] }, 'Cannot mount "/a,b"'],
        [{ mounts: [{ folder: "/a", to: "x" }] }, 'Cannot mount at "x"'],
        [{ env: { "A-B": "x" } }, 'Cannot use the variable "A-B"'],
        [{ env: { HOME: new Secret("s3cr3t", "HOME", new Redactor()) } }, "Cannot pass a secret"],
        ...["NOTIFY_SOCKET", "REGISTRY_AUTH_FILE", "STORAGE_DRIVER", "_CONTAINERS_X"].map((
          name,
        ): [Partial<InContainerOptions>, string] => [
          { env: { [name]: new Secret("s3cr3t", name, new Redactor()) } },
          `Cannot pass a secret as "${name}"`,
        ]),
        [
          { env: { A: "s3cr3t\0" } },
          'Cannot use "\\u0000" as env.A: it must be a text without NUL',
        ],
        [
          { env: { A: "s3cr3t\ud800" } },
          'Cannot use "\\ud800" as env.A: it must be a text without NUL or lone surrogates',
        ],
        [
          { run: ["sh", "a\udc00"] },
          "such a list as run: it must be a list of texts without NUL or lone surrogates",
        ],
        [
          { workdir: "/\ud800\ud800" },
          'Cannot use "/\\ud800\\ud800" as workdir: it must be a text without NUL or lone surrogates',
        ],
        [{ mounts: [{ folder: "/\ud800", to: "/x" }] }, 'Cannot mount "/\\ud800"'],
        [{ run: ["sh", "a\0b"] }, "Cannot use such a list as run: it must be a list of texts"],
        [{ stdin: taken }, "as stdin: it must be a stream that nobody else reads"],
        [{ workdir: "here" }, 'Cannot use "here" as workdir: it must be an absolute path'],
        // A task file may be run without its types being checked.
        ...([
          [{ run: "true" }, 'Cannot use "true" as run: it must be a list of texts'],
          [{ run: [] }, "Cannot run a command in a container: it is empty"],
          [{ run: ["sh", 1] }, "Cannot use such a list as run: it must be a list of texts"],
          [{ env: { A: 1 } }, "Cannot use 1 as env.A: it must be a text or a secret"],
          [{ env: null }, "Cannot use null as env: it must be an object"],
          [{ env: { A: undefined } }, "Cannot use undefined as env.A"],
          [{ network: "none" }, 'Cannot use "none" as network: it must be true or false'],
          [{ stdin: "text" }, 'Cannot use "text" as stdin: it must be bytes or a stream of them'],
          [{ onStdout: true }, "Cannot use true as onStdout: it must be a function"],
          [{ engine: "docker" }, 'Cannot use "docker" as engine: it must be an object'],
          [
            { engine: { kind: "nerdctl" } },
            'Cannot use "nerdctl" as kind of an engine: it must be podman or docker',
          ],
          [
            { mounts: { volume: "a", to: "/x" } },
            "Cannot use an object as mounts: it must be a list",
          ],
          [{ mounts: [{ to: "/x" }] }, "Cannot use an object as one of mounts"],
          [{ mounts: [null] }, "Cannot use null as one of mounts"],
          [
            { mounts: [{ volume: "a", folder: "/b", to: "/x" }] },
            "it must be a volume, or a folder, and where it goes to",
          ],
          [{ mounts: [{ volume: "a" }] }, "Cannot use an object as one of mounts"],
          [{ base: "docker://x/y" }, "as base: it must be what baseImage() gives"],
        ] as [Partial<InContainerOptions>, string][]),
      ];
      // No engine is there: one that is asked is an error of its own.
      const engine = { kind: "podman", program: "/nowhere/podman" } as const;
      for (const [options, message] of cases) {
        const error = await assertRejects(
          () => inContainer({ base, engine, run: ["sh"], ...options }, { dryRun }),
          UsageError,
        );
        assertStringIncludes(error.message, message);
      }
    },
  );
}
