import { Inject, Injectable } from '@nestjs/common';
import { HttpRequest, requestBaseUrl } from '../../http';
import { Clock } from '../../kernel';
import { BACKUP_OPTIONS, BackupOptions } from '../backup.options';
import { CLOCK } from '../tokens';
import { Dialect } from './dialect';

/** What presenters need beside the resource. */
export interface AnswerContext {
  readonly dialect: Dialect;
  /** Scheme and authority of the service, without a slash at the end. */
  readonly base: string;
  /** Milliseconds since the epoch. */
  readonly now: number;
}

/** Finds out in which terms a request is answered. */
@Injectable()
export class AnswerContexts {
  constructor(
    @Inject(BACKUP_OPTIONS) private readonly options: BackupOptions,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  /** @throws DomainError ValidationError: a Host header that no link can be made of */
  of(request: HttpRequest, dialect: Dialect): AnswerContext {
    return { dialect, base: requestBaseUrl(request, this.options), now: this.clock.now() };
  }
}
