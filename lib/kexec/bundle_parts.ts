/** The files that every kexec bundle has. */
export const bundleParts: readonly string[] = [
  "kexec/bzImage",
  "kexec/initrd",
  "kexec/run",
  "kexec/kexec",
];
