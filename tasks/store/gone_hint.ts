/** What to do where a file of a store went while it was to be read. */
export const goneHint =
  "something removed it, as a garbage collector or a prune does; run the same command again, and if Nix " +
  "takes for valid what is not there, carry its image or import it first";
