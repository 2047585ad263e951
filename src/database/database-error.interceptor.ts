import { CallHandler, ExecutionContext, Injectable, NestInterceptor } from '@nestjs/common';
import { Observable, catchError } from 'rxjs';
import { unavailableError } from './database-errors';

/** Turns the errors of a database that is gone into `ServiceUnavailable` (503, Retry-After): for the plugin's controllers. */
@Injectable()
export class DatabaseErrorInterceptor implements NestInterceptor {
  intercept(_context: ExecutionContext, next: CallHandler): Observable<unknown> {
    return next.handle().pipe(
      catchError((error: unknown) => {
        throw unavailableError(error) ?? error;
      }),
    );
  }
}
