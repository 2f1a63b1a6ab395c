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
  /** Where they are. */
  readonly folder: string;
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
/** What fills a disk of 5 GB with the release. */
const many = "clang gnat rustc ghc libboost-all-dev qtwebengine5-dev llvm-14-dev libclang-14-dev";
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
    folder,
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
    await Deno.writeTextFile(`${newer}/etc/apt/sources.list`, sources);
    await apt(newer, "dist-upgrade");
    for (const root of [tree, newer]) await withoutCaches(root);
  });
  for (const [root, image] of [[tree, data.release], [newer, data.updated]] as const) {
    await once(image, (work) => makeImage(root, work, "2G"));
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

/** Makes a disk of 5 GB with 4 GB of files, and the same with 200 blocks of noise. */
export async function makeLarge({ folder }: BenchData): Promise<{ large: string; edited: string }> {
  const [tree, large, edited] = ["large", "large.img", "large-edited.img"].map((name) =>
    `${folder}/${name}`
  ) as [string, string, string];
  await once(large, async (work) => {
    await run("rm", ["-rf", tree]);
    await run("cp", ["-a", `${folder}/release`, tree]);
    await apt(tree, `--no-install-recommends --download-only install ${many}`);
    // Their scripts would want a system that runs; the files are what counts.
    const unpack = "for deb in /var/cache/apt/archives/*.deb; do " +
      'dpkg-deb --fsys-tarfile "$deb" | tar -x --keep-directory-symlink -C /; done';
    await run("chroot", [tree, "sh", "-ec", unpack]);
    await withoutCaches(tree);
    await makeImage(tree, work, "5G");
    await run("rm", ["-rf", tree]);
  });
  await once(edited, (work) => scatter(large, work));
  return { large, edited };
}

/** Has a tree's own apt do something. */
async function apt(root: string, what: string): Promise<void> {
  await Deno.copyFile("/etc/resolv.conf", `${root}/etc/resolv.conf`);
  await Deno.mkdir(`${root}/var/log/apt`, { recursive: true });
  const script = `apt-get update && DEBIAN_FRONTEND=noninteractive apt-get -y ${what}`;
  await run("chroot", [root, "sh", "-c", script]);
}

async function withoutCaches(root: string): Promise<void> {
  for (const part of ["var/cache/apt", "var/lib/apt/lists", "var/log"]) {
    await run("rm", ["-rf", `${root}/${part}`]);
  }
}

/** An ext4 with the files of a tree, the same at each call. */
async function makeImage(root: string, image: string, size: string): Promise<void> {
  await run("truncate", ["-s", size, image]);
  const extended = `hash_seed=${uuid},lazy_itable_init=0`;
  await run("mke2fs", ["-qF", "-t", "ext4", "-U", uuid, "-E", extended, "-d", root, image], {
    E2FSPROGS_FAKE_TIME: "1",
  });
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
