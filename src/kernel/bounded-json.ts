import { validationError } from './errors';

const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/**
 * JSON.parse for text from outside: refuses what is nested deeper than `maxDepth` before it is parsed, since a few megabytes of `[`
 * become gigabytes of arrays.
 * @throws DomainError ValidationError if it is too deep or no JSON
 */
export function parseBoundedJson(text: string, maxDepth: number): unknown {
  if (isDeeper(text, maxDepth)) throw validationError('The JSON is nested too deeply.');
  try {
    return JSON.parse(text) as unknown;
  } catch {
    throw validationError('The text is not JSON.');
  }
}

function isDeeper(text: string, maxDepth: number): boolean {
  let depth = 0;
  let quoted = false;
  for (let index = 0; index < text.length; index++) {
    const unit = text.charCodeAt(index);
    if (quoted) {
      if (unit === BACKSLASH) index++;
      else if (unit === QUOTE) quoted = false;
    } else if (unit === QUOTE) quoted = true;
    // `[` and `{`, `]` and `}` differ in one bit.
    else if ((unit | 0x20) === 0x7b) {
      if (++depth > maxDepth) return true;
    } else if ((unit | 0x20) === 0x7d) depth--;
  }
  return false;
}
