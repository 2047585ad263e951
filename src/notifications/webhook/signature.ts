import { createHmac } from 'node:crypto';
import { Secret } from '../../kernel';

const PREFIX = 'whsec_';
/** Bytes of a key, as the Standard Webhooks specification wants them. */
const KEY_BYTES = { min: 24, max: 64 };

/** A key that webhooks are signed with. */
export class SigningSecret {
  private constructor(private readonly key: Secret) {}

  /** Reads `whsec_` and base64 of 24 to 64 bytes; undefined if it is anything else. */
  static parse(text: string): SigningSecret | undefined {
    const encoded = text.startsWith(PREFIX) ? text.slice(PREFIX.length) : '';
    const bytes = Buffer.from(encoded, 'base64');
    // Node's decoder forgives what is no base64: only what it would write itself is taken.
    const exact = bytes.toString('base64').replace(/=+$/, '') === encoded.replace(/=+$/, '');
    return exact && bytes.length >= KEY_BYTES.min && bytes.length <= KEY_BYTES.max ? new SigningSecret(new Secret(encoded)) : undefined;
  }

  /** `v1,<base64 of HMAC-SHA256>` over `id.timestamp.body`. */
  sign(id: string, timestampSeconds: number, body: string): string {
    const hmac = createHmac('sha256', Buffer.from(this.key.reveal(), 'base64'));
    return `v1,${hmac.update(`${id}.${timestampSeconds}.${body}`).digest('base64')}`;
  }
}
