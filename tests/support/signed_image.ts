import type { Descriptor } from "../../lib/oci/descriptor.ts";
import { Layout } from "../../lib/oci/layout/layout.ts";
import { referrersTag } from "../../lib/oci/referrers.ts";
import { writeImage } from "./layout.ts";

/** A place with an image and the signatures of some people, under the fallback tag. */
export async function signedBy(folder: string, people: readonly string[]) {
  const image = await writeImage(folder, "v1", { layers: ["x"] });
  const layout = new Layout(folder);
  const signed = new Map<string, Descriptor>();
  for (const person of people) {
    const extra = { subject: image, annotations: { by: person } };
    const signature = await writeImage(folder, undefined, { layers: [person], extra });
    await layout.attach(image.digest, (await layout.manifest(signature.digest))!);
    signed.set(person, signature);
  }
  return { image, signed, tag: referrersTag(image.digest) };
}
