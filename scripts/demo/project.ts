/** The project that the demo deploys: a task file and its `deno.json`, as a reader would write them. */
import { join } from "@std/path";
import { toFileUrl } from "@std/path/to-file-url";
import { randomBytes } from "../../tests/support/layout.ts";

/** What the project's files name. */
export interface ProjectOptions {
  /** The folder of the project. */
  folder: string;
  /** The checkout of kedge. */
  kedge: string;
  /** The URL of the kexec bundle. */
  bundleUrl: string;
}

/** The text of `tasks.ts`. */
export function taskFile(bundleUrl: string, folder: string): string {
  return `import { arg, cacheKexec, main, publish, syncImage, task } from "@kedge/kedge";

const kexec = task({
  name: "kexec",
  description: "Keep the NixOS installer in the cache",
  run: (ctx) => cacheKexec({ url: "${bundleUrl}" }, ctx),
});

const image = task({
  name: "image",
  description: "Bring the VM image up to date",
  run: (ctx) => syncImage({ from: "oci:upstream:latest", to: "oci:images/vm:latest" }, ctx),
});

const release = task({
  name: "release",
  description: "Publish the package, then its catalog entry",
  args: {
    version: arg.string({ description: "Version to publish", default: "1.0.0" }),
    store: arg.list(arg.string({ description: "Where to" }), { default: ["${
    toFileUrl(join(folder, "store"))
  }"] }),
  },
  run: ({ args, ...ctx }) =>
    publish({
      name: "acme",
      version: args.version,
      paths: ["./package"],
      stores: args.store,
      catalog: "sqlite://${join(folder, "catalog.db")}",
    }, ctx),
});

const deploy = task({
  name: "deploy",
  description: "All three jobs",
  deps: { kexec, image, release },
  run: ({ deps }) => deps.kexec.path,
});

if (import.meta.main) await main({ kexec, image, release, deploy }, { shell: false });
`;
}

/** The text of `deno.json`. */
export function configFile(kedge: string): string {
  return `{
  "imports": { "@kedge/kedge": "jsr:@kedge/kedge@^0.1.0" },
  "links": ["${kedge}"],
  "tasks": {
    "deploy": "deno run -P=deploy tasks.ts deploy",
    "release": "deno run -P=deploy tasks.ts release"
  },
  "permissions": {
    "deploy": { "read": true, "write": true, "net": true, "env": true }
  }
}
`;
}

/** Writes the project. */
export async function writeProject(options: ProjectOptions): Promise<void> {
  const { folder, kedge, bundleUrl } = options;
  await Deno.mkdir(join(folder, "package", "bin"), { recursive: true });
  await Deno.writeTextFile(join(folder, "tasks.ts"), taskFile(bundleUrl, folder));
  await Deno.writeTextFile(join(folder, "deno.json"), configFile(kedge));
  await writePackage(folder, "1.0.0");
}

/** Writes the package that the project publishes: a program and 2 MiB of data. */
export async function writePackage(folder: string, version: string): Promise<void> {
  const program = join(folder, "package", "bin", "acme");
  await Deno.writeTextFile(program, `#!/bin/sh\necho acme ${version}\n`, { mode: 0o755 });
  await Deno.writeFile(join(folder, "package", "data"), randomBytes(2 * 1024 * 1024));
}
