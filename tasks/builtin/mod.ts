/**
 * The built-in task file: the tasks of `mod.ts` run as a program.
 *
 * @module
 */
import type { AnyTask } from "../../lib/runner/task.ts";
import { baseImageTask } from "./base_image.ts";
import {
  baseImageCarryTask,
  baseImageExportTask,
  baseImageImportTask,
  baseImagePruneTask,
} from "./base_image_store.ts";
import {
  cacheCleanTask,
  cacheDirTask,
  cacheLsTask,
  cachePruneTask,
  cacheSizeTask,
  cacheVerifyTask,
  cacheWhyTask,
} from "./cache.ts";
import {
  diskDiffTask,
  diskInspectTask,
  diskPullTask,
  diskPushTask,
  diskVerifyTask,
} from "./disk.ts";
import { imageSyncTask } from "./image.ts";
import {
  imageDiffTask,
  imageGcTask,
  imageInspectTask,
  imageLsTask,
  imageRmTask,
} from "./image_read.ts";
import { kexecTask } from "./kexec.ts";
import { nixosAnywhereTask } from "./nixos_anywhere.ts";
import { publishTask } from "./publish.ts";
import { withPermissions } from "./permissions.ts";
import { runsShowTask, runsTask } from "./runs.ts";
import {
  publishKeygenTask,
  publishPruneTask,
  publishRollbackTask,
  publishVerifyTask,
} from "./publish_after.ts";
import { catalogListTask, catalogShowTask } from "./catalog.ts";

const tasks: Readonly<Record<string, AnyTask>> = {
  kexecTask,
  nixosAnywhereTask,
  imageSyncTask,
  baseImageTask,
  baseImageCarryTask,
  baseImagePruneTask,
  baseImageExportTask,
  baseImageImportTask,
  imageLsTask,
  imageInspectTask,
  imageDiffTask,
  imageGcTask,
  imageRmTask,
  diskPushTask,
  diskPullTask,
  diskVerifyTask,
  diskInspectTask,
  diskDiffTask,
  publishTask,
  publishVerifyTask,
  publishRollbackTask,
  publishPruneTask,
  publishKeygenTask,
  catalogListTask,
  catalogShowTask,
  cacheDirTask,
  cacheSizeTask,
  cacheLsTask,
  cacheWhyTask,
  cacheVerifyTask,
  cachePruneTask,
  cacheCleanTask,
  runsTask,
  runsShowTask,
};

/** The built-in tasks. */
export const builtinTasks: Readonly<Record<string, AnyTask>> = Object.fromEntries(
  Object.entries(tasks).map(([name, task]) => [name, withPermissions(task)]),
);
