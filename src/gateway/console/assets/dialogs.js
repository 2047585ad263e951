import { el } from './dom.js';
import { showError } from './parts.js';

let ids = 0;

/** A field with its label. `hint` is read with it. */
export function field(label, control, hint) {
  const id = `field-${(ids += 1)}`;
  control.id = id;
  if (hint !== undefined) control.setAttribute('aria-describedby', `${id}-hint`);
  return el(
    'div',
    { class: 'field' },
    el('label', { for: id }, label),
    control,
    hint === undefined ? null : el('p', { class: 'hint', id: `${id}-hint` }, hint),
  );
}

export function choice(options) {
  const select = el('select');
  offer(select, options);
  return select;
}

/** Lets a choice be made among these; what is chosen stays so, if it is still offered. A list that is the same is left in peace. */
export function offer(select, options) {
  const values = options.map(([value]) => value);
  if ([...select.options].map((option) => option.value).join() === values.join()) return;
  const chosen = select.value;
  select.replaceChildren(...options.map(([value, words]) => el('option', { value }, words)));
  if (values.includes(chosen)) select.value = chosen;
}

/**
 * Opens a modal dialog; Esc and the second button close it, and the focus goes back to where it was.
 * @param {{ title: string, content: Node[], submit?: string, danger?: boolean, cancel?: string, onSubmit?: () => Promise<void> }} parts
 * `onSubmit`: what the first button does; the dialog closes once it is done, or shows its error and stays
 * @returns {{ dialog: HTMLDialogElement, submit: HTMLButtonElement | undefined, close: () => void }}
 */
export function openDialog({ title, content, submit: words, danger = false, cancel = 'Cancel', onSubmit }) {
  const titleId = `dialog-${(ids += 1)}`;
  const errors = el('div');
  const submit = words === undefined ? undefined : el('button', { type: 'submit', class: danger ? 'danger' : 'primary' }, words);
  const dialog = el('dialog', { 'aria-labelledby': titleId });
  const close = () => dialog.close();
  const form = el(
    'form',
    {
      onsubmit: async (event) => {
        event.preventDefault();
        if (submit === undefined || submit.disabled || form.hasAttribute('aria-busy')) return;
        form.setAttribute('aria-busy', 'true');
        showError(errors, undefined);
        try {
          await onSubmit();
          close();
        } catch (error) {
          if (error.name !== 'AbortError') showError(errors, error);
        } finally {
          form.removeAttribute('aria-busy');
        }
      },
    },
    el('h2', { id: titleId }, title),
    ...content,
    errors,
    el('div', { class: 'buttons' }, el('button', { type: 'button', class: 'plain', onclick: close }, cancel), submit),
  );
  dialog.append(form);
  dialog.addEventListener('close', () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
  return { dialog, submit, close };
}

/** A field in which a name has to be typed before the button does anything. */
export function confirmByName(name, label) {
  const input = el('input', { type: 'text', autocomplete: 'off', spellcheck: 'false', autocapitalize: 'off' });
  return { node: field(label, input), input, matches: () => input.value === name };
}

/** Names and values, the empty ones left out. */
export function facts(pairs) {
  return el(
    'dl',
    { class: 'facts' },
    ...pairs.filter(([, value]) => value !== undefined && value !== null && value !== '').flatMap(([name, value]) => [el('dt', {}, name), el('dd', {}, value)]),
  );
}
