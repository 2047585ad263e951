/** Orders two well-formed texts by their UTF-8 bytes (JavaScript's own order differs beyond the basic plane). */
export function compareUtf8(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let index = 0; index < length; index++) {
    const left = a.charCodeAt(index);
    const right = b.charCodeAt(index);
    if (left !== right) return rank(left) - rank(right);
  }
  return a.length - b.length;
}

/** Surrogates stand for code points above U+FFFF, so they sort after U+E000…U+FFFF. */
function rank(unit: number): number {
  if (unit < 0xd800) return unit;
  return unit >= 0xe000 ? unit - 0x800 : unit + 0x2000;
}

/** Has the text a surrogate without its partner? Such a text has no UTF-8 form. */
export function hasLoneSurrogate(text: string): boolean {
  return LONE_SURROGATE.test(text);
}

/** The text with U+FFFD for what PostgreSQL's text and jsonb cannot hold: lone surrogates, U+0000. */
export function storableText(text: string): string {
  return text.replace(/[\p{Surrogate}\0]/gu, '\ufffd');
}

const LONE_SURROGATE = /\p{Surrogate}/u;
