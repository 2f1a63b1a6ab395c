/**
 * What a publish needs once it asks Nix for its closure; loaded while Nix answers.
 *
 * @module
 */
export { moveClosure } from "../../lib/nix/stores/move_closure.ts";
export { planStore } from "../../lib/nix/stores/plan_store.ts";
export { proveStores } from "./prove_stores.ts";
export { noteWhereItStands, pinInStores } from "./pins.ts";
export { publishPlan } from "./plan.ts";
export { tellUnkept } from "./tell_unkept.ts";
