import { v7 } from 'uuid';

/** A UUID in its canonical spelling: lower case, with dashes. Everything inside uses this one. */
export type Uuid = string;

/** A new time-ordered id (UUIDv7, RFC 9562): ids made later sort later as text. */
export function newId(): Uuid {
  return v7();
}

const DASHED = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;
const HEX = /^[0-9a-f]{32}$/i;

/** Reads either spelling (with dashes, or 32 hex digits); undefined if it is neither. */
export function parseUuid(text: string): Uuid | undefined {
  if (DASHED.test(text)) return text.toLowerCase();
  if (!HEX.test(text)) return undefined;
  const hex = text.toLowerCase();
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}

/** The deployed dialect's spelling: 32 hex digits. */
export function uuidHex(id: Uuid): string {
  return id.replaceAll('-', '');
}
