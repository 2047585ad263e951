import { Command } from '../command';
import { cat } from './cat';
import { deleteCommand, list, show, watch } from './catalogue';
import { create } from './create';
import { deadLetters } from './dead-letters';
import { exportCommand } from './export';
import { importCommand } from './import';
import { inspect } from './inspect';
import { jobDatabase } from './job-database';
import { protect, unprotect } from './protect';
import { restore } from './restore';
import { settings } from './settings';
import { verify } from './verify';

/** Every command, in the order of the help. */
export const COMMANDS: readonly Command[] = [
  create,
  list,
  show,
  watch,
  restore,
  deleteCommand,
  protect,
  unprotect,
  settings,
  importCommand,
  deadLetters,
  inspect,
  verify,
  cat,
  exportCommand,
  jobDatabase,
];
