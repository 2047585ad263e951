import { CallHandler, ExecutionContext, Inject, Injectable, NestInterceptor } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import { Observable } from 'rxjs';
import { DataSource } from 'typeorm';
import { callersToken } from './auth';
import { BACKUP_RESTORE_OPTIONS, BackupRestoreOptions } from './backup-restore.options';
import { BACKUP_DATA_SOURCE } from './database';
import { Grants } from './jobs';
import { isDomainError } from './kernel';
import { ObjectStoreRegistry, withCallerToken } from './storage';
import { silentLogger } from './telemetry';

/** Lets the own store be asked on behalf of whoever calls, where it is asked on behalf of users. */
@Injectable()
export class CallerTokenInterceptor implements NestInterceptor {
  private readonly needed: boolean;

  constructor(@Inject(BACKUP_RESTORE_OPTIONS) { storage }: BackupRestoreOptions) {
    this.needed = storage.internalSwift?.access === 'trust';
  }

  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    const token = this.needed && context.getType() === 'http' ? callersToken(context.switchToHttp().getRequest<object>()) : undefined;
    if (token === undefined) return next.handle();
    return new Observable((subscriber) => withCallerToken(token, () => next.handle().subscribe(subscriber)));
  }
}

/** Gives back what users have lent for jobs that are over. */
@Injectable()
export class GrantReturn {
  private readonly grants: Grants;
  private readonly log: NonNullable<BackupRestoreOptions['logger']>;

  constructor(
    @InjectDataSource(BACKUP_DATA_SOURCE) dataSource: DataSource,
    @Inject(BACKUP_RESTORE_OPTIONS) { logger }: BackupRestoreOptions,
    private readonly stores: ObjectStoreRegistry,
  ) {
    this.grants = new Grants(dataSource);
    this.log = logger ?? silentLogger;
  }

  /** One pass. What cannot be given back now stays for the next; what never can is forgotten, and ends by itself. */
  async giveBack(): Promise<void> {
    for (const id of await this.grants.idle()) {
      try {
        await this.stores.giveBack(id);
      } catch (err) {
        this.log.warn({ err }, 'a trust could not be deleted after its job');
        if (isDomainError(err) && !err.transient) await this.grants.forget(id);
        continue;
      }
      await this.grants.forget(id);
    }
  }
}
