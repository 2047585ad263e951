import { CallHandler, ExecutionContext, Inject, Injectable, NestInterceptor } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { Observable } from 'rxjs';
import { AnswerException } from '../http';
import { TableRef, isDomainError } from '../kernel';
import { TABLE_BACKEND, TableBackend } from '../tables';
import { LockCheck } from './lock-check';
import { MAINTENANCE_OPTIONS, MaintenanceOptions } from './maintenance.options';

/**
 * Answers 423 to calls that touch a table in MAINTENANCE, before any work is done for them. A call that the lock overtakes behind this check is
 * refused or waited for by the backend itself (docs/adr/0005-maintenance.md).
 */
@Injectable()
export class MaintenanceInterceptor implements NestInterceptor {
  private readonly check: LockCheck;

  constructor(
    @Inject(MAINTENANCE_OPTIONS) private readonly options: MaintenanceOptions,
    @Inject(TABLE_BACKEND) backend: TableBackend,
    private readonly adapterHost: HttpAdapterHost,
  ) {
    this.check = new LockCheck(backend);
  }

  async intercept(context: ExecutionContext, next: CallHandler): Promise<Observable<unknown>> {
    const { resolveTables } = this.options;
    if (resolveTables !== undefined && context.getType() === 'http') await this.refuse(context, await resolveTables(context));
    return next.handle();
  }

  private async refuse(context: ExecutionContext, refs: readonly TableRef[]): Promise<void> {
    if (refs.length === 0) return;
    try {
      await this.check.requireUnlocked(refs);
    } catch (error) {
      if (!isDomainError(error)) throw error;
      const exception = new AnswerException(error);
      const response: unknown = context.switchToHttp().getResponse();
      for (const [name, value] of Object.entries(exception.answer.headers)) this.adapterHost.httpAdapter.setHeader(response, name, value);
      throw exception;
    }
  }
}
