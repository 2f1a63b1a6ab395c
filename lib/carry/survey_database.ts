import { readLayerMembers } from "../oci/layer_members.ts";
import { DatabaseFiles, databaseFolder, type ImageStore } from "./database_files.ts";
import type { LayerFacts } from "./layer_memory.ts";
import { MergedDatabase } from "./merged_database.ts";

/** A layer in which the database may be. */
export interface SurveyLayer {
  /** What errors call it. */
  readonly name: string;
  /** What is known of it. */
  readonly facts: LayerFacts | undefined;
  /** Begins to read it. */
  readonly bytes: () => AsyncIterable<Uint8Array>;
}

/**
 * Reads the database that the layers of an image, the uppermost first, show together; `undefined` if they show none. A layer is read as far as
 * its database goes. Once the database itself came, only layers of which is known that they have its log are read.
 *
 * @param work a folder for the database
 */
export async function surveyDatabase(
  work: string,
  layers: Iterable<SurveyLayer>,
): Promise<ImageStore | undefined> {
  const merged = new MergedDatabase();
  for (const layer of layers) {
    const { facts } = layer;
    const isWanted = facts === undefined ? !merged.isThere : merged.wants(facts);
    if (isWanted) await surveyLayer(work, layer, merged);
    else if (facts !== undefined) merged.pass(facts);
  }
  return await merged.read(work);
}

async function surveyLayer(
  work: string,
  { name, bytes }: SurveyLayer,
  merged: MergedDatabase,
): Promise<void> {
  const files = new DatabaseFiles(work, (name) => merged.lacks(name));
  const hidden: string[] = [];
  let isDone = false;
  await readLayerMembers(bytes(), "nix", name, {
    take: (member) => {
      const { path, type } = member;
      if (type === "whiteout") hidden.push(path);
      else if (type === "opaque") hidden.push(`${path}/`);
      else if (!path.startsWith(databaseFolder)) isDone = files.isThere;
      else return files.take(member);
      return undefined;
    },
    isDone: () => isDone,
  });
  const digests = files.digests();
  merged.pass({ databaseFiles: [...digests.keys()], hidden }, digests);
}
