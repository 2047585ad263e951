import { Column, Entity, Index, PrimaryColumn } from 'typeorm';
import { safeBigint } from './backup.entity';

/** What a `client_request_token` may be used for; each counts apart. */
export type RequestKind = 'backup' | 'restore';

/** A client's token, and what was made for it. Neither the token nor the body can be read back from it. */
@Entity({ name: 'request_tokens' })
@Index('request_tokens_by_age', ['projectId', 'createdAt'])
export class RequestTokenEntity {
  @PrimaryColumn('text', { name: 'project_id' }) projectId: string;
  @PrimaryColumn('text') kind: RequestKind;
  /** SHA-256 of the token, hexadecimal. */
  @PrimaryColumn('text', { name: 'token_hash' }) tokenHash: string;
  /** HMAC-SHA-256 of the canonical body under the token, hexadecimal. */
  @Column('text') fingerprint: string;
  /** The backup or restore job that was made. */
  @Column('uuid', { name: 'resource_id' }) resourceId: string;
  /** Milliseconds since the epoch. */
  @Column('bigint', { name: 'created_at', transformer: safeBigint }) createdAt: number;
}
