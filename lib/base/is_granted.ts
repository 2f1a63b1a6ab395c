/** Whether Deno has granted a permission; what is not, and is used all the same, makes Deno ask the person at the terminal, or fail. */
export function isGranted(permission: Deno.PermissionDescriptor): boolean {
  return Deno.permissions.querySync(permission).state === "granted";
}
