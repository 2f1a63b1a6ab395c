/** Which image is taken out of an index that names its images without a platform. */
import { assertEquals, assertRejects } from "@std/assert";
import { join } from "@std/path";
import { KedgeError } from "../../../lib/base/errors.ts";
import { Cache } from "../../../lib/cache/cache.ts";
import { formatPlatform } from "../../../lib/oci/platform.ts";
import { baseImage } from "../../../tasks/base_image/base_image.ts";
import { syncImage } from "../../../tasks/image/image.ts";
import { FakeRegistry } from "../../support/fake_registry.ts";
import { type NixImage, pushNixImage } from "../../support/nix_image.ts";
import { removeTree } from "../../support/remove_tree.ts";

const amd64 = { os: "linux", architecture: "amd64" };
const arm64 = { os: "linux", architecture: "arm64", variant: "v8" };

/** What is taken of images that are pushed, each named without its platform. */
class Bare implements AsyncDisposable {
  readonly #folder = Deno.makeTempDirSync();
  readonly #registry = new FakeRegistry();

  /** How many requests there were since the images were pushed. */
  get requests(): number {
    return this.#registry.requests.length;
  }

  get repository(): string {
    return `${this.#registry.host}/nixos/nix`;
  }

  static async push(images: readonly NixImage[]): Promise<Bare> {
    const bare = new Bare();
    const all = images.map((each) => ({ ...each, isBare: true }));
    await pushNixImage(bare.#folder, bare.#registry.host, "2.8.0", all);
    bare.#registry.requests.length = 0;
    return bare;
  }

  /** The platform, as its config says it, of what `baseImage()` takes. */
  async found(platform: string): Promise<string> {
    const { repository } = this;
    const wanted = { nixVersion: "2.8.0", repository, platform };
    return await this.#platformOf((await baseImage(wanted, this.#context)).manifestDigest);
  }

  /** The same of what `syncImage()` takes. */
  async copied(platform: string): Promise<string> {
    const from = `docker://${this.repository}:2.8.0`;
    const to = `oci:${join(this.#folder, platform.replaceAll("/", "-"))}:nix`;
    return await this.#platformOf(
      (await syncImage({ from, to, platforms: [platform] }, this.#context)).digest,
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#registry[Symbol.asyncDispose]();
    await removeTree(this.#folder);
  }

  get #context() {
    return { cache: new Cache(join(this.#folder, "cache")) };
  }

  async #platformOf(manifest: string): Promise<string> {
    const get = async (path: string) =>
      await (await fetch(`http://${this.#registry.host}/v2/nixos/nix/${path}`)).json();
    const { config } = await get(`manifests/${manifest}`);
    return formatPlatform(await get(`blobs/${config.digest}`));
  }
}

const both = [{ label: "2.8.0", platform: amd64 }, { label: "2.8.0", platform: arm64 }];

Deno.test("baseImage() and syncImage() choose among images without a platform by their configs", async () => {
  await using bare = await Bare.push(both);
  for (
    const [asked, taken] of [["linux/arm64", "linux/arm64/v8"], ["linux/amd64", "linux/amd64"]]
  ) {
    assertEquals(await bare.found(asked!), taken);
    assertEquals(await bare.copied(asked!), taken);
  }
});

Deno.test("baseImage() and syncImage() name the platforms of images that the index does not name", async () => {
  await using bare = await Bare.push(both);
  const { message } = await assertRejects(() => bare.found("linux/s390x"), KedgeError);
  assertEquals(
    message,
    `Cannot use "${bare.repository}:2.8.0" on linux/s390x: it is for linux/amd64, linux/arm64/v8`,
  );
  const { hint } = await assertRejects(() => bare.copied("linux/s390x"), KedgeError);
  assertEquals(hint, "it has linux/amd64, linux/arm64/v8");
});

Deno.test("baseImage() looks into no more than 32 images that an index names without a platform", async () => {
  await using bare = await Bare.push(Array.from({ length: 40 }, (_, i) => ({
    label: "2.8.0",
    platform: { os: "linux", architecture: `machine${i}` },
  })));
  const known = "it is for linux/machine0, linux/machine1,";
  await assertRejects(() => bare.found("linux/machine39"), KedgeError, known);
  // The index, and a manifest and a config of each.
  assertEquals(bare.requests, 1 + 2 * 32);
});

Deno.test("what of an index is not an image has no platform, and is passed over", async () => {
  const artifact = { config: { rootfs: { type: "none" } }, platform: arm64 };
  await using bare = await Bare.push([artifact, { label: "2.8.0", platform: amd64 }]);
  await assertRejects(() => bare.copied("linux/arm64"), KedgeError, "no such image");
  assertEquals(await bare.found("linux/amd64"), "linux/amd64");
});
