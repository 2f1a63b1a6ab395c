/** What other programs do with the same disks. @module */
import { sha256 } from "../../../lib/base/digest.ts";
import { hashFile } from "../../../lib/base/hash_file.ts";
import { Layout } from "../../../lib/oci/layout/layout.ts";
import { run } from "./run.ts";

/** Bytes that casync moves from one disk to the next: the chunks that are new, and the index. */
export async function casyncDelta(work: string, from: string, to: string): Promise<number> {
  const store = `${work}/casync`;
  await run("rm", ["-rf", store]);
  const before = new Set<string>();
  await run("casync", ["make", `--store=${store}`, `${work}/from.caibx`, from]);
  for await (const [name] of chunksIn(store)) before.add(name);
  await run("casync", ["make", `--store=${store}`, `${work}/to.caibx`, to]);
  let bytes = (await Deno.stat(`${work}/to.caibx`)).size;
  for await (const [name, size] of chunksIn(store)) if (!before.has(name)) bytes += size;
  return bytes;
}

async function* chunksIn(store: string): AsyncGenerator<[string, number]> {
  for await (const folder of Deno.readDir(store)) {
    if (!folder.isDirectory) continue;
    for await (const { name } of Deno.readDir(`${store}/${folder.name}`)) {
      yield [name, (await Deno.stat(`${store}/${folder.name}/${name}`)).size];
    }
  }
}

/** Bytes in layers of 512 MiB that differ, in LZ4 as Tart's are. */
export async function layerDelta(work: string, from: string, to: string): Promise<number> {
  let bytes = 0;
  const { size } = await Deno.stat(to);
  for (let mib = 0; mib < size / 2 ** 20; mib += 512) {
    const part = async (path: string) => {
      const out = `${work}/part`;
      await run("dd", [
        `if=${path}`,
        `of=${out}`,
        "bs=1M",
        `skip=${mib}`,
        "count=512",
        "status=none",
      ]);
      return (await hashFile(out)).digest;
    };
    if (await part(from) === await part(to)) continue;
    const packed = await run("sh", [
      "-c",
      `zstd -q -1 --format=lz4 -c "$0" | wc -c`,
      `${work}/part`,
    ]);
    bytes += Number(packed.stdout);
  }
  return bytes;
}

/** A layout with one image of one plain layer, for skopeo to compress and push. */
export async function layerLayout(work: string, tar: string): Promise<string> {
  const folder = `${work}/layout`;
  await run("rm", ["-rf", folder]);
  const layout = new Layout(folder);
  await layout.make();
  const { digest, size } = await hashFile(tar);
  await Deno.link(tar, layout.blobPath(digest)).catch(() =>
    Deno.copyFile(tar, layout.blobPath(digest))
  );
  const put = async (value: object) => {
    const bytes = new TextEncoder().encode(JSON.stringify(value));
    await layout.putBytes(sha256(bytes), bytes);
    return { digest: sha256(bytes), size: bytes.length };
  };
  const config = await put({
    architecture: "amd64",
    os: "linux",
    config: {},
    rootfs: { type: "layers", diff_ids: [digest] },
  });
  const mediaType = "application/vnd.oci.image.manifest.v1+json";
  const manifest = await put({
    schemaVersion: 2,
    mediaType,
    config: { mediaType: "application/vnd.oci.image.config.v1+json", ...config },
    layers: [{ mediaType: "application/vnd.oci.image.layer.v1.tar", digest, size }],
  });
  await layout.point("1", { mediaType, ...manifest });
  return `oci:${folder}:1`;
}

/** Copies by skopeo, without the memory that would let it skip blobs. */
export async function skopeo(from: string, to: string, ...flags: string[]): Promise<number> {
  await run("rm", ["-rf", "/var/lib/containers/cache"]);
  const tls = ["--src-tls-verify=false", "--dest-tls-verify=false"];
  return (await run("skopeo", ["copy", "-q", ...tls, ...flags, from, to])).seconds;
}
