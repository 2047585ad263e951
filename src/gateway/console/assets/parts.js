import { ApiError } from './api.js';
import { el, setText } from './dom.js';
import { count, statusTone, statusWords } from './format.js';

/** A status as words with a coloured mark; the words alone say it all. */
export function statusMark() {
  const node = el('span', { class: 'status' });
  return {
    node,
    update: (status, words = statusWords(status)) => {
      node.dataset.tone = statusTone(status);
      setText(node, words);
    },
  };
}

/** An error in the service's own words, with what support asks for. */
export function errorBox(error) {
  const api = error instanceof ApiError;
  const where = api ? [`${error.status} ${error.type}`, error.requestId && `request ${error.requestId}`] : ['The service cannot be reached'];
  const wait = api && error.retryAfter !== null ? ` Try again in ${error.retryAfter} s.` : '';
  return el(
    'div',
    { class: 'error', role: 'alert' },
    el('p', { class: 'error-title' }, api ? error.title : 'No answer'),
    el('p', {}, `${api ? error.message : 'Check the connection and try again.'}${wait}`),
    el('p', { class: 'error-details' }, where.filter(Boolean).join(' · ')),
  );
}

/** Shows an error in a place, or with undefined nothing. */
export function showError(place, error) {
  place.replaceChildren(...(error === undefined ? [] : [errorBox(error)]));
}

/** A button whose accessible name says what it is for, beyond the words that are seen. */
export function button(words, subject, onclick, kind = 'plain') {
  return el('button', { type: 'button', class: kind, 'aria-label': subject === undefined ? null : `${words.replace('…', '')} ${subject}`, onclick }, words);
}

/** A cell that says on small screens, where there is no head of a column, what it holds. `kind`: `number`, `name`, `time`. */
export function cell(label, kind, ...children) {
  return el('td', { role: 'cell', class: kind, 'data-label': label }, ...children);
}

/** Which page of a list is seen. `show` is called with the items of the page whenever it may have changed. */
export class Pager {
  #page = 0;
  #items = [];

  /** `nouns`: what one item is called, and what several are. */
  constructor(place, size, [one, noun], show) {
    this.size = size;
    this.nouns = [one, noun];
    this.show = show;
    this.words = el('span', { class: 'pager-words' });
    this.previous = button('Previous', `page of ${noun}`, () => this.#turn(-1));
    this.next = button('Next', `page of ${noun}`, () => this.#turn(1));
    place.append(this.words, this.previous, this.next);
  }

  first() {
    this.#page = 0;
  }

  set(items) {
    this.#items = items;
    this.#draw();
  }

  #turn(by) {
    this.#page += by;
    this.#draw();
  }

  #draw() {
    const pages = Math.max(1, Math.ceil(this.#items.length / this.size));
    this.#page = Math.min(this.#page, pages - 1);
    const start = this.#page * this.size;
    const seen = this.#items.slice(start, start + this.size);
    const several = pages > 1;
    this.previous.hidden = !several;
    this.next.hidden = !several;
    this.previous.disabled = this.#page === 0;
    this.next.disabled = this.#page === pages - 1;
    const range = several ? `${count(start + 1)}–${count(start + seen.length)} of ` : '';
    setText(this.words, `${range}${count(this.#items.length)} ${this.nouns[this.#items.length === 1 ? 0 : 1]}`);
    this.show(seen);
  }
}

/** Messages that pass by. Errors stay until they are closed. */
export class Messages {
  constructor(place, errors) {
    this.place = place;
    this.errors = errors;
  }

  say(text, tone = 'plain') {
    const message = el('p', { class: 'message', 'data-tone': tone }, text);
    this.place.append(message);
    while (this.place.childElementCount > 4) this.place.firstElementChild.remove();
    setTimeout(() => message.remove(), 10_000);
  }

  fail(what, error) {
    if (error.name === 'AbortError') return;
    const box = errorBox(error);
    box.prepend(el('p', { class: 'error-what' }, what));
    box.append(button('Close', 'this message', () => box.remove()));
    this.errors.append(box);
    while (this.errors.childElementCount > 3) this.errors.firstElementChild.remove();
  }
}
