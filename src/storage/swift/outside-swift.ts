import { createHash } from 'node:crypto';
import { Credentials, LocationUrl, validationError } from '../../kernel';
import type { HttpConnect } from '../http-connect';
import type { ObjectStore } from '../object-store';
import { checkSwiftCredentials, logInBy } from './credentials';
import { DEFAULT_SEGMENT_BYTES } from './home-swift';
import { SwiftClient } from './swift-client';
import { SwiftObjectStore } from './swift-object-store';
import { TokenSession } from './token-session';

/** Log-ins that are kept for the next step of a job: their tokens, under a digest of what they were had for. */
const MAX_CLIENTS = 64;

/** Swifts that users name, asked with the users' own credentials. */
export class OutsideSwift {
  private readonly clients = new Map<string, SwiftClient>();

  /** @throws DomainError `ValidationError` for credentials that cannot be; asks nobody yet */
  open(root: LocationUrl, credentials: Credentials | undefined, http: HttpConnect): ObjectStore {
    if (credentials === undefined) throw validationError('a Swift needs credentials beside its URL: "auth_url" and a user');
    checkSwiftCredentials(credentials);
    const service = root.service ?? '';
    const hash = createHash('sha256').update(service);
    for (const [name, value] of [...credentials].sort()) hash.update(`\0${name}\0${value.reveal()}`);
    const key = hash.digest('base64');
    const client = this.clients.get(key) ?? new SwiftClient(http, service, new TokenSession(() => logInBy(http, credentials)));
    this.clients.delete(key);
    this.clients.set(key, client);
    for (const oldest of this.clients.keys()) {
      if (this.clients.size <= MAX_CLIENTS) break;
      this.clients.delete(oldest);
    }
    return new SwiftObjectStore({ client, root, segmentBytes: DEFAULT_SEGMENT_BYTES });
  }
}
