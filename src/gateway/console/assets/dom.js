/**
 * Makes an element. Everything that comes from the service goes in as text or as an attribute's value, and is never read as HTML.
 * @param {string} tag
 * @param {Record<string, unknown>} properties attributes; `on…` with a function: a listener; `true`: an empty attribute; null and false: none
 * @param {...(Node | string | null | undefined)} children
 */
export function el(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name.startsWith('on') && typeof value === 'function') element.addEventListener(name.slice(2), value);
    else if (value !== null && value !== undefined && value !== false) element.setAttribute(name, value === true ? '' : String(value));
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

/** The element with that id, which index.html has. */
export function byId(id) {
  return document.getElementById(id);
}

/** Sets a text only where it differs, so that screen readers and selections are left in peace. */
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/**
 * Shows a list of items as children of a parent. A child stays the same element as long as its item is there: focus and hover survive
 * updates, and only what changed is drawn again.
 * @param {(item: unknown) => string} keyOf
 * @param {(item: unknown) => { node: Element, update: (item: unknown) => void }} create
 */
export function keyedList(parent, keyOf, create) {
  let shown = new Map();
  return (items) => {
    const next = new Map();
    let place = parent.firstElementChild;
    for (const item of items) {
      const key = keyOf(item);
      const entry = shown.get(key) ?? create(item);
      entry.update(item);
      next.set(key, entry);
      if (entry.node === place) place = place.nextElementSibling;
      else parent.insertBefore(entry.node, place);
    }
    for (const [key, entry] of shown) if (!next.has(key)) entry.node.remove();
    shown = next;
  };
}

/** Runs once things have been quiet for so long; `cancel` forgets what waits. */
export function debounced(run, millis) {
  let timer;
  const later = () => {
    clearTimeout(timer);
    timer = setTimeout(run, millis);
  };
  later.cancel = () => clearTimeout(timer);
  return later;
}
