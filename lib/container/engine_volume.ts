import { isAbsolute } from "@std/path";
import * as v from "valibot";
import { KedgeError } from "../base/errors.ts";
import type { AskEngineOptions, ContainerEngine } from "./container_engine.ts";

/** A named volume of an engine. */
export interface EngineVolume {
  /** Its name. */
  name: string;
  /** Where its files are, as the engine sees them: the folder that it is bound to, where it is bound to one. */
  folder: string;
  /** What the engine mounts there while a container has it, for people, where its files are not in the folder before. */
  mounted?: string;
}

const inspectSchema = v.pipe(
  v.string(),
  v.parseJson(),
  v.array(v.object({
    Name: v.string(),
    Mountpoint: v.string(),
    Driver: v.optional(v.string()),
    Options: v.nullish(v.record(v.string(), v.string())),
  })),
);

/** A volume by its name; `undefined` if there is none. */
export async function inspectVolume(
  engine: ContainerEngine,
  name: string,
  options: AskEngineOptions = {},
): Promise<EngineVolume | undefined> {
  const args = ["volume", "inspect", name];
  const { code, stdout, stderr } = await engine.ask(`the volume "${name}"`, args, options);
  if (code !== 0) {
    if (/no such volume/i.test(stderr)) return undefined;
    throw engine.failed(`look for the volume "${name}"`, code, stderr);
  }
  const parsed = v.safeParse(inspectSchema, stdout);
  const found = parsed.success ? parsed.output.find((each) => each.Name === name) : undefined;
  if (found !== undefined) return describe(found);
  throw new KedgeError(`Cannot look for the volume "${name}": ${engine.kind} gave no description`);
}

function describe(
  { Name: name, Mountpoint, Driver = "local", Options }: v.InferOutput<
    typeof inspectSchema
  >[number],
): EngineVolume {
  const { device = "", o = "" } = Options ?? {};
  const type = Options?.["type"] || "none";
  const isBound = type === "bind" ||
    type === "none" && o.split(",").some((each) => each === "bind" || each === "rbind");
  if (Driver === "local" && isBound && isAbsolute(device)) return { name, folder: device };
  const mounted = Driver !== "local"
    ? `what its driver "${Driver}" has`
    : device === "" && type === "none"
    ? undefined
    : `"${device}" (${type})`;
  return { name, folder: Mountpoint, ...(mounted === undefined ? {} : { mounted }) };
}

/** Makes a volume where there is none of that name. */
export async function ensureVolume(
  engine: ContainerEngine,
  name: string,
  options: AskEngineOptions = {},
): Promise<EngineVolume> {
  const standing = await inspectVolume(engine, name, options);
  if (standing !== undefined) return standing;
  const what = `a volume "${name}"`;
  const { code, stderr } = await engine.ask(what, ["volume", "create", name], options);
  const made = await inspectVolume(engine, name, options);
  if (made !== undefined) return made;
  throw engine.failed(`make the volume "${name}"`, code, stderr);
}

/** Whether a text can be the name of a volume. */
export function isVolumeName(text: string): boolean {
  return /^[A-Za-z0-9][A-Za-z0-9_.-]{0,127}$/.test(text);
}
