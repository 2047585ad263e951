import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { Credentials, DomainError, Secret, validationError } from '../kernel';

const KEY = /^([a-z0-9][a-z0-9_-]{0,31}):([A-Za-z0-9+/]{43}=)$/;
const SEALED = /^1\.([a-z0-9][a-z0-9_-]{0,31})\.([A-Za-z0-9_-]+)$/;
const CIPHER = 'aes-256-gcm';
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/** A new key for `credentialsKeys`. @param id 1 to 32 of `a-z0-9_-` */
export function newCredentialsKey(id: string): string {
  return `${id}:${randomBytes(32).toString('base64')}`;
}

/**
 * Seals the credentials that a job needs with a key of the deployment's, for as long as the job runs (docs/adr/0014-outside-locations.md). What is
 * sealed for one place of one project opens for no other: whoever can change rows in the job database cannot have keys sent elsewhere.
 */
export class CredentialSeal {
  private readonly keys: ReadonlyMap<string, Buffer>;

  /**
   * @param keys `id:base64 of 32 bytes`; the first seals, all open
   * @throws DomainError `ValidationError` for what is no key, or an id given twice; no key is repeated
   */
  constructor(keys: readonly string[]) {
    const known = new Map<string, Buffer>();
    keys.forEach((text, index) => {
      const [, id, key] = KEY.exec(text) ?? [];
      if (id === undefined || key === undefined) throw validationError(`credentials keys: number ${index + 1} is not id:base64 of 32 bytes`);
      if (known.has(id)) throw validationError(`credentials keys: "${id}" is there twice`);
      known.set(id, Buffer.from(key, 'base64'));
    });
    this.keys = known;
  }

  /** @throws DomainError `ValidationError` if this deployment has no key */
  seal(credentials: Credentials, place: { readonly projectId: string; readonly url: string }): string {
    const [first] = this.keys;
    if (first === undefined) {
      throw validationError('this deployment takes no credentials for work that outlives the request: its operator has to give it a key to seal them with');
    }
    const [id, key] = first;
    const nonce = randomBytes(NONCE_BYTES);
    const cipher = createCipheriv(CIPHER, key, nonce, { authTagLength: TAG_BYTES }).setAAD(boundTo(place));
    const plain = JSON.stringify([...credentials].map(([name, secret]) => [name, secret.reveal()]));
    const sealed = Buffer.concat([nonce, cipher.update(plain, 'utf8'), cipher.final(), cipher.getAuthTag()]);
    return `1.${id}.${sealed.toString('base64url')}`;
  }

  /** @throws DomainError `StorageError`; transient if another process may have the key */
  open(sealed: string, place: { readonly projectId: string; readonly url: string }): Credentials {
    const [, id = '', text = ''] = SEALED.exec(sealed) ?? [];
    const key = this.keys.get(id);
    if (key === undefined) {
      throw new DomainError('StorageError', 'the credentials of the job are sealed with a key that this process does not have', { transient: true });
    }
    const bytes = Buffer.from(text, 'base64url');
    try {
      const decipher = createDecipheriv(CIPHER, key, bytes.subarray(0, NONCE_BYTES), { authTagLength: TAG_BYTES });
      decipher.setAAD(boundTo(place)).setAuthTag(bytes.subarray(-TAG_BYTES));
      const plain = Buffer.concat([decipher.update(bytes.subarray(NONCE_BYTES, -TAG_BYTES)), decipher.final()]).toString('utf8');
      return new Map((JSON.parse(plain) as [string, string][]).map(([name, value]) => [name, new Secret(value)]));
    } catch {
      // No cause: what broke may hold what is secret.
      throw new DomainError('StorageError', 'the credentials of the job are damaged, or were given for another place');
    }
  }
}

function boundTo({ projectId, url }: { readonly projectId: string; readonly url: string }): Buffer {
  return Buffer.from(JSON.stringify(['magnetodb-backup credentials', projectId, url]));
}
