const [SPACE, QUOTE, COMMA, MINUS, DOT, ZERO, NINE, COLON] = [0x20, 0x22, 0x2c, 0x2d, 0x2e, 0x30, 0x39, 0x3a];
const [OPEN, CLOSE, OPEN_LIST, CLOSE_LIST] = [0x7b, 0x7d, 0x5b, 0x5d];
const [S, N, M] = [0x53, 0x4e, 0x4d];
/** A number of so many digits is within every limit of the data model. */
const PLAIN_DIGITS = 15;
const NONE = -1;

/** The letter behind the backslash of a character; `u`: its code in hexadecimal. */
export const ESCAPES = new Uint8Array(256);
for (let byte = 0; byte < SPACE; byte++) ESCAPES[byte] = 0x75;
for (const [char, letter] of ['\bb', '\tt', '\nn', '\ff', '\rr', '""', '\\\\'].map((pair) => [...pair])) {
  ESCAPES[(char ?? '').charCodeAt(0)] = (letter ?? '').charCodeAt(0);
}

/**
 * Is JSON's value of a dynamic attribute canonical to the letter: the text that the codec would make of it? False: it is not, or who knows. Types are `S`, `N`,
 * sets of them, and maps of them to them; what is no UTF-8 is not noticed.
 */
export function isCanonicalJson(body: Buffer, typeStart: number, typeEnd: number, start: number, end: number): boolean {
  const [kind, second] = [body[typeStart] ?? 0, body[typeStart + 1] ?? 0];
  switch (typeEnd - typeStart) {
    case 1:
      return memberEnd(kind, body, start, end) === end;
    case 2:
      return second === S && isCanonicalList(kind, body, start, end);
    case 3:
      return body[typeStart + 2] === M && isCanonicalMap(kind, second, body, start, end);
    default:
      return false;
  }
}

/** `["a","b"]`: its members ascend, byte by byte. */
function isCanonicalList(kind: number, body: Buffer, start: number, end: number): boolean {
  if (end - start < 2 || body[start] !== OPEN_LIST || body[end - 1] !== CLOSE_LIST) return false;
  let [at, before] = [start + 1, NONE];
  while (at < end - 1) {
    if (before !== NONE && body[at++] !== COMMA) return false;
    const behind = memberEnd(kind, body, at, end - 1);
    if (behind === NONE || (before !== NONE && !ascends(body, before, at))) return false;
    [before, at] = [at, behind];
  }
  return true;
}

/** `{"a":"1","b":"2"}`: its keys ascend, byte by byte. */
function isCanonicalMap(keyKind: number, kind: number, body: Buffer, start: number, end: number): boolean {
  if (end - start < 2 || body[start] !== OPEN || body[end - 1] !== CLOSE) return false;
  let [at, before] = [start + 1, NONE];
  while (at < end - 1) {
    if (before !== NONE && body[at++] !== COMMA) return false;
    const colon = memberEnd(keyKind, body, at, end - 1);
    if (colon === NONE || body[colon] !== COLON || (before !== NONE && !ascends(body, before, at))) return false;
    const behind = memberEnd(kind, body, colon + 1, end - 1);
    if (behind === NONE) return false;
    [before, at] = [at, behind];
  }
  return true;
}

/** Behind the closing quotation mark of a text or number that begins here. NONE: it is not canonical. */
function memberEnd(kind: number, body: Buffer, start: number, end: number): number {
  if ((kind !== S && kind !== N) || start >= end || body[start] !== QUOTE) return NONE;
  let at = start + 1;
  while (at < end && (ESCAPES[body[at] ?? 0] ?? 0) === 0) at++;
  if (at >= end || body[at] !== QUOTE || (kind === N && !isPlainNumber(body, start + 1, at))) return NONE;
  return at + 1;
}

/** Of two texts in quotation marks: does the first one come before? */
function ascends(body: Buffer, first: number, second: number): boolean {
  for (let at = 1; ; at++) {
    const [a, b] = [body[first + at] ?? 0, body[second + at] ?? 0];
    if (b === QUOTE) return false;
    if (a === QUOTE) return true;
    if (a !== b) return a < b;
  }
}

/** Digits as the codec spells them, of a number that is not too long for it to be sure. */
function isPlainNumber(body: Buffer, start: number, end: number): boolean {
  const first = body[start] === MINUS ? start + 1 : start;
  let dot = NONE;
  let digits = 0;
  for (let at = first; at < end; at++) {
    const byte = body[at] ?? 0;
    if (byte === DOT && dot < 0) dot = at;
    else if (byte >= ZERO && byte <= NINE) digits++;
    else return false;
  }
  if (digits === 0 || digits > PLAIN_DIGITS) return false;
  const whole = (dot < 0 ? end : dot) - first;
  if (whole === 0 || (body[first] === ZERO && whole > 1)) return false;
  if (dot < 0) return !(body[first] === ZERO && first > start);
  // No zero at the end; so it is no zero either, and may be negative.
  return dot < end - 1 && body[end - 1] !== ZERO;
}
