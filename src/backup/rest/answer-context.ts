import { Inject, Injectable } from '@nestjs/common';
import { ApplicationConfig } from '@nestjs/core';
import { globalPrefixOf, HttpRequest, requestBaseUrl, requestPath } from '../../http';
import { Clock } from '../../kernel';
import { BACKUP_OPTIONS, BackupOptions } from '../backup.options';
import { CLOCK } from '../tokens';
import { Dialect } from './dialect';

/** What presenters need beside the resource. */
export interface AnswerContext {
  readonly dialect: Dialect;
  /** Scheme and authority of the service, and the host's global prefix if there is one, without a slash at the end. */
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
    private readonly config: ApplicationConfig,
  ) {}

  /** @throws DomainError ValidationError: a Host header that no link can be made of */
  of(request: HttpRequest, dialect: Dialect): AnswerContext {
    const base = requestBaseUrl(request, this.options) + globalPrefixOf(requestPath(request), this.config);
    return { dialect, base, now: this.clock.now() };
  }
}
