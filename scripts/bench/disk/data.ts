/**
 * The disks that the bench moves: a Debian root file system from the release, the same with the updates of today, in ext4 images of 2 GB and
 * in tar archives; and edits of them. Made once and kept in a folder.
 *
 * @module
 */
import { noise } from "../../../tests/support/disk.ts";
import { run } from "./run.ts";

/** The files of the bench. */
export interface BenchData {
  /** The release in an ext4 image of 2 GB. */
  readonly release: string;
  /** The same with updates, built anew. */
  readonly updated: string;
  /** The release image with 200 blocks of 4 KiB of noise written into its data. */
  readonly edited: string;
  /** 800 MB of the release in a tar archive. */
  readonly tar: string;
  /** The same with a byte inserted near its start. */
  readonly inserted: string;
}

const packages =
  "ca-certificates,openssh-server,python3,perl,git,curl,nginx-light,systemd-sysv,gcc,g++,vim,golang-1.19-go";
const mirror = "http://deb.debian.org/debian";
const uuid = "11111111-2222-3333-4444-555555555555";
const sources = `deb ${mirror} bookworm main
deb ${mirror} bookworm-updates main
deb ${mirror}-security bookworm-security main
`;

/** Makes the files that are not in the folder yet; wants root, debootstrap, mke2fs and Debian's mirror. */
export async function makeData(folder: string): Promise<BenchData> {
  const at = (name: string) => `${folder}/${name}`;
  const data: BenchData = {
    release: at("release.img"),
    updated: at("updated.img"),
    edited: at("edited.img"),
    tar: at("release.tar"),
    inserted: at("inserted.tar"),
  };
  await Deno.mkdir(folder, { recursive: true });
  const [tree, newer] = [at("release"), at("updated")];
  await once(at("trees.done"), async () => {
    await run("rm", ["-rf", tree, newer]);
    const include = `--include=${packages}`;
    await run("debootstrap", ["--variant=minbase", include, "bookworm", tree, mirror]);
    await run("cp", ["-a", tree, newer]);
    await Deno.copyFile("/etc/resolv.conf", `${newer}/etc/resolv.conf`);
    await Deno.writeTextFile(`${newer}/etc/apt/sources.list`, sources);
    const apt = "apt-get update && DEBIAN_FRONTEND=noninteractive apt-get -y dist-upgrade";
    await run("chroot", [newer, "sh", "-c", apt]);
    for (const root of [tree, newer]) {
      for (const part of ["var/cache/apt", "var/lib/apt/lists", "var/log"]) {
        await run("rm", ["-rf", `${root}/${part}`]);
      }
    }
  });
  for (const [root, image] of [[tree, data.release], [newer, data.updated]] as const) {
    await once(image, async (work) => {
      await run("truncate", ["-s", "2G", work]);
      const extended = `hash_seed=${uuid},lazy_itable_init=0`;
      await run("mke2fs", ["-qF", "-t", "ext4", "-U", uuid, "-E", extended, "-d", root, work], {
        E2FSPROGS_FAKE_TIME: "1",
      });
    });
  }
  await once(data.edited, (work) => scatter(data.release, work));
  await once(
    data.tar,
    (work) =>
      run("tar", [
        "-cf",
        work,
        "--sort=name",
        "--mtime=@0",
        ...["go-1.19", "locale", "vim"].map((name) => `--exclude=./usr/share/${name}`),
        "-C",
        tree,
        ".",
      ]),
  );
  await once(
    data.inserted,
    (work) =>
      run("sh", ["-c", `(head -c 1000 "$0"; printf x; tail -c +1001 "$0") > "$1"`, data.tar, work]),
  );
  return data;
}

async function once(path: string, make: (work: string) => Promise<unknown>): Promise<void> {
  try {
    await Deno.stat(path);
  } catch {
    const work = `${path}.work`;
    await run("rm", ["-rf", work]);
    await make(work);
    if (path.endsWith(".done")) await Deno.writeTextFile(path, "");
    else await Deno.rename(work, path);
  }
}

/** Overwrites 200 blocks that hold data, the same ones with the same noise at each call. */
async function scatter(from: string, to: string): Promise<void> {
  await run("cp", ["--sparse=always", from, to]);
  using file = await Deno.open(to, { read: true, write: true });
  const { size } = await file.stat();
  const block = new Uint8Array(4096);
  let state = 12345;
  for (let edits = 0; edits < 200;) {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    const offset = Math.floor(state / 2 ** 32 * (size / 4096)) * 4096;
    await file.seek(offset, Deno.SeekMode.Start);
    await file.read(block);
    if (block.every((byte) => byte === 0)) continue;
    block.set(noise(4096, edits + 1));
    await file.seek(offset, Deno.SeekMode.Start);
    await file.write(block);
    edits++;
  }
}
