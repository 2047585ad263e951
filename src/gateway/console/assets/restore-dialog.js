import { choice, confirmByName, facts, field, openDialog } from './dialogs.js';
import { debounced, el } from './dom.js';
import { bytes, count } from './format.js';
import { errorBox } from './parts.js';
import { requestToken } from './request-token.js';

const QUIET_MILLIS = 400;
const ON_EXISTING = [
  ['fail', 'Stop, unless it is empty'],
  ['merge', 'Write into it; newer writes win'],
  ['replace', 'Replace it and everything in it'],
];

/**
 * Restores a backup. What would be done is asked for first (a dry run, after every change of the form); the button does nothing until
 * the answer is here and has no conflict. Replacing a table needs its name typed, too.
 */
export function restoreBackup(app, backup) {
  const target = el('input', { type: 'text', required: true, autocomplete: 'off', spellcheck: 'false', autocapitalize: 'off', value: backup.table_name });
  const onExisting = choice(ON_EXISTING);
  const plan = el('div', { class: 'plan', 'aria-live': 'polite' });
  const confirmation = el('div');
  const token = requestToken();
  let confirm;
  let round = 0;
  let clear = false;

  const body = () => ({ backup_id: backup.backup_id, on_existing: onExisting.value });
  const { dialog, submit } = openDialog({
    title: `Restore “${backup.backup_name}”`,
    content: [
      el('p', {}, 'From the table ', el('strong', {}, backup.table_name), `, ${count(backup.item_count)} items.`),
      field('Restore onto the table', target, 'It is built aside, checked, and appears in one step.'),
      field('If this table is there', onExisting),
      plan,
      confirmation,
    ],
    submit: 'Restore',
    onSubmit: async () => {
      const job = await app.api.restore(target.value, token.on(body()));
      app.store.putRestore(job);
      app.messages.say(`The restore onto ${job.table_name} has begun.`);
    },
  });
  const judge = () => (submit.disabled = !clear || (confirm !== undefined && !confirm.matches()));

  const check = async () => {
    const mine = (round += 1);
    const table = target.value;
    if (table === '') {
      plan.replaceChildren(el('p', {}, 'Which table?'));
      return;
    }
    try {
      const answer = await app.api.restore(table, { ...body(), dry_run: true });
      if (mine !== round) return;
      clear = answer.plan.conflict === null;
      plan.replaceChildren(...planParts(answer.plan));
      if (clear && answer.plan.on_existing === 'replace' && answer.plan.table.table_id !== undefined) askForName(table);
    } catch (error) {
      if (mine === round && error.name !== 'AbortError') plan.replaceChildren(errorBox(error));
    }
    judge();
  };
  const askForName = (table) => {
    confirm = confirmByName(table, `The items in ${table} now, and writes from now on, will be lost. Type ${table} to confirm`);
    confirm.input.addEventListener('input', judge);
    confirmation.replaceChildren(confirm.node);
  };
  const later = debounced(check, QUIET_MILLIS);
  const changed = () => {
    clear = false;
    confirm = undefined;
    round += 1;
    confirmation.replaceChildren();
    plan.replaceChildren(el('p', { class: 'checking' }, 'Checking…'));
    judge();
    later();
  };
  target.addEventListener('input', changed);
  onExisting.addEventListener('change', changed);
  dialog.addEventListener('close', () => {
    later.cancel();
    round += 1;
  });
  changed();
  target.select();
}

function planParts({ table, item_count: items, size_bytes: size, format, format_reason: reason, conflict, on_existing: onExisting }) {
  if (conflict !== null)
    return [el('div', { class: 'error' }, el('p', { class: 'error-title' }, 'This cannot be done as it stands'), el('p', {}, conflict.message), el('p', { class: 'error-details' }, conflict.type))];
  const there = table.table_id !== undefined;
  const what = !there ? 'A new table is made' : { fail: 'The empty table is filled', merge: 'The items are written into the table', replace: 'The table is replaced' }[onExisting];
  const keys = table.key_schema.map((key) => `${key.attribute_name} (${key.key_type.toLowerCase()})`).join(', ');
  const indexes = (table.local_secondary_indexes ?? []).map((index) => index.index_name).join(', ');
  return [
    el('h3', {}, 'What will be done'),
    facts([
      ['Result', what],
      ['Items', count(items)],
      ['To be read', bytes(size)],
      ['Keys', keys],
      ['Indexes', indexes],
      ['Format', `${format} (${reason})`],
    ]),
  ];
}

/** Cancels a running restore: no table is left behind. */
export function cancelRestore(app, job) {
  openDialog({
    title: `Cancel the restore onto ${job.table_name}?`,
    content: [el('p', {}, 'Nothing of it is left behind; the table ', el('strong', {}, job.table_name), ' stays as it was.')],
    submit: 'Cancel restore',
    danger: true,
    cancel: 'Keep it running',
    onSubmit: async () => {
      app.store.putRestore(await app.api.deleteRestore(job));
    },
  });
}
