import { choice, confirmByName, facts, field, offer, openDialog } from './dialogs.js';
import { el } from './dom.js';
import { bytes, clock, count, statusWords, time } from './format.js';
import { requestToken } from './request-token.js';

const FORMATS = { 'db-agnostic': 'Portable: restores anywhere', native: 'Native: faster, locks the table for a moment' };
const COMPRESSIONS = { zstd: 'zstd (recommended)', gzip: 'gzip', none: 'None' };

/**
 * Asks for a new backup of a table. The dialog is there at once, with what this page knows, so that keys pressed next go into it; the
 * service's own list of formats and compressions takes their place when it comes.
 */
export function makeBackup(app, table) {
  const name = el('input', { type: 'text', required: true, maxlength: 255, autocomplete: 'off', value: `${table} ${clock(new Date())}`.slice(-255) });
  const format = choice(Object.entries(FORMATS));
  const compression = choice(Object.entries(COMPRESSIONS));
  const token = requestToken();
  openDialog({
    title: `Back up ${table}`,
    content: [field('Name of the backup', name), field('Format', format), field('Compression', compression)],
    submit: 'Make backup',
    onSubmit: async () => {
      const body = { backup_name: name.value, strategy: { format: format.value, compression: compression.value } };
      app.store.putBackup(await app.api.createBackup(table, token.on(body)));
      app.messages.say(`The backup “${name.value}” of ${table} has begun.`);
    },
  });
  name.select();
  app.offers().then(
    (offers) => {
      offer(format, offers.format.map((each) => [each, FORMATS[each] ?? each]));
      offer(compression, offers.compression.map((each) => [each, COMPRESSIONS[each] ?? each]));
    },
    // What this page knows stays; a service that cannot do it says so.
    () => undefined,
  );
}

/** Deletes a backup, once the name of its table was typed. */
export function deleteBackup(app, backup) {
  const { backup_name: name, table_name: table } = backup;
  const confirm = confirmByName(table, `Type ${table} to confirm`);
  const { submit } = openDialog({
    title: 'Delete this backup?',
    content: [
      el('p', {}, 'The backup ', el('strong', {}, name), ' of the table ', el('strong', {}, table), ' will be deleted with all its data. This cannot be undone.'),
      confirm.node,
    ],
    submit: 'Delete backup',
    danger: true,
    onSubmit: async () => {
      app.store.putBackup(await app.api.deleteBackup(backup));
    },
  });
  submit.disabled = true;
  confirm.input.addEventListener('input', () => (submit.disabled = !confirm.matches()));
}

/** Cancels a backup that is being made, which removes what it has stored. */
export function cancelBackup(app, backup) {
  const { backup_name: name, table_name: table } = backup;
  openDialog({
    title: `Cancel the backup of ${table}?`,
    content: [el('p', {}, 'The backup ', el('strong', {}, name), ' of the table ', el('strong', {}, table), ' is not finished. It will be stopped and removed.')],
    submit: 'Cancel backup',
    danger: true,
    cancel: 'Keep it running',
    onSubmit: async () => {
      app.store.putBackup(await app.api.deleteBackup(backup));
    },
  });
}

/** Everything that the service says of a backup. */
export function showBackup(backup) {
  const { strategy, verification, error } = backup;
  openDialog({
    title: backup.backup_name,
    content: [
      facts([
        ['Table', backup.table_name],
        ['Status', statusWords(backup.status)],
        ['Error', error && `${error.type}: ${error.message}`],
        ['Started', time(backup.start_date_time)],
        ['Finished', backup.finish_date_time && time(backup.finish_date_time)],
        ['Items', backup.item_count !== undefined ? count(backup.item_count) : undefined],
        ['Stored', backup.size_bytes !== undefined ? bytes(backup.size_bytes) : undefined],
        ['Before compression', backup.table_size_bytes !== undefined ? bytes(backup.table_size_bytes) : undefined],
        ['Format', [strategy.type, strategy.format, strategy.compression].filter(Boolean).join(', ')],
        ['Last verified', backup.last_verified_at && time(backup.last_verified_at)],
        ['Verification', verification && verificationWords(verification)],
        ['Table locked for', backup.locked_milliseconds !== undefined ? `${count(backup.locked_milliseconds)} ms` : undefined],
        ['Location', el('code', {}, backup.location)],
        ['Backup id', el('code', {}, backup.backup_id)],
        ['Table id', el('code', {}, backup.table_id)],
      ]),
    ],
    cancel: 'Close',
  });
}

/** How the newest verification went. */
export function verificationWords({ status, message }) {
  const words = { RUNNING: 'Running', PASSED: 'Everything is whole', DAMAGED: 'Damaged', FAILED: 'Not carried out' }[status] ?? status;
  return message === undefined ? words : `${words}: ${message}`;
}
