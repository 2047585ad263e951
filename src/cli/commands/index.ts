import { Command } from '../command';
import { cat } from './cat';
import { deleteCommand, list, show, watch } from './catalogue';
import { create } from './create';
import { deadLetters } from './dead-letters';
import { exportCommand } from './export';
import { importCommand } from './import';
import { inspect } from './inspect';
import { jobDatabase } from './job-database';
import { restore } from './restore';
import { verify } from './verify';

/** Every command, in the order of the help. */
export const COMMANDS: readonly Command[] = [
  create,
  list,
  show,
  watch,
  restore,
  deleteCommand,
  importCommand,
  deadLetters,
  inspect,
  verify,
  cat,
  exportCommand,
  jobDatabase,
];
