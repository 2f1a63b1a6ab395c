import { assertEquals } from "@std/assert";
import { join } from "@std/path";
import { silentMeter } from "../../../../lib/base/meter.ts";
import { ImageHosts } from "../../../../lib/oci/copy/image_hosts.ts";
import { planCopies } from "../../../../lib/oci/copy/plan_copies.ts";
import type { LayoutReference } from "../../../../lib/oci/reference.ts";
import { writeImage } from "../../../support/layout.ts";

const { signal } = new AbortController();

Deno.test("planCopies() tells early of what will move, and tells nothing where all stands", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const image = (name: string): LayoutReference => ({
      transport: "oci",
      folder: join(folder, name),
      tag: "v",
    });
    for (const name of ["from", "same"]) {
      await writeImage(image(name).folder, "v", { layers: ["1"] });
    }
    await writeImage(image("other").folder, "v", { layers: ["2"] });
    const told: string[] = [];
    for (const name of ["none", "other", "same"]) {
      using hosts = new ImageHosts();
      const source = await hosts.source(image("from"));
      const to = image(name);
      const destination = await hosts.destination(to);
      const onDiffers = () => void told.push(name);
      const options = { platforms: undefined, meter: silentMeter, signal, onDiffers };
      const [planned] = await planCopies([{ source, destination, to }], options);
      assertEquals(planned?.plan.changed, name !== "same");
    }
    assertEquals([...new Set(told)], ["none", "other"]);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
