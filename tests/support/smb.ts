import { assertEquals } from "@std/assert";
import { join } from "@std/path";

/** What {@linkcode smbFolders} needs. */
export const smbPrograms = ["tcc"];

/** Takes a folder of the name `shared` for one that is shared by SMB: while one handle has a file of it locked, no other one writes there. */
const source = `
extern void *dlsym(void *, const char *);
extern int snprintf(char *, unsigned long, const char *, ...);
extern long readlink(const char *, char *, unsigned long);
extern char *strstr(const char *, const char *);
extern int strcmp(const char *, const char *);
extern int *__errno_location(void);
static int holder = -1;

static int shared(int fd, char *name) {
  char link[64];
  snprintf(link, 64, "/proc/self/fd/%d", fd);
  long size = readlink(link, name, 4095);
  name[size < 0 ? 0 : size] = 0;
  return strstr(name, "/shared/") != 0;
}

int flock(int fd, int how) {
  int (*next)(int, int) = dlsym((void *) -1, "flock");
  char name[4096];
  int result = next(fd, how);
  if (result == 0 && shared(fd, name)) holder = how & 8 ? -1 : fd;
  return result;
}

long write(int fd, const void *bytes, unsigned long size) {
  long (*next)(int, const void *, unsigned long) = dlsym((void *) -1, "write");
  char name[4096], locked[4096];
  if (holder >= 0 && fd != holder && shared(fd, name) && shared(holder, locked) && strcmp(name, locked) == 0) {
    *__errno_location() = 13;
    return -1;
  }
  return next(fd, bytes, size);
}

static int typed(const char *call, const char *path, void *into) {
  int (*next)(const char *, void *) = dlsym((void *) -1, call);
  int result = next(path, into);
  if (result == 0 && strstr(path, "/shared/") != 0) *(long *) into = 0xfe534d42;
  return result;
}

int statfs(const char *path, void *into) {
  return typed("statfs", path, into);
}

int statfs64(const char *path, void *into) {
  return typed("statfs64", path, into);
}
`;

/** The environment in which a program finds a folder of the name `shared` as it is where it is shared by SMB. */
export async function smbFolders(folder: string): Promise<{ LD_PRELOAD: string }> {
  const library = join(folder, "smb.so");
  const code = join(folder, "smb.c");
  await Deno.writeTextFile(code, source);
  const { success, stderr } = await new Deno.Command("tcc", {
    args: ["-shared", "-nostdlib", "-o", library, code],
  }).output();
  assertEquals(success, true, new TextDecoder().decode(stderr));
  return { LD_PRELOAD: library };
}
