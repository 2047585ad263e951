import { applyDecorators, Controller, UseFilters, UseGuards, UseInterceptors } from '@nestjs/common';
import { KeystoneAuthGuard } from '../../auth';
import { DatabaseErrorInterceptor } from '../../database';
import { ErrorFilter, RequestIdInterceptor } from '../../http';

/**
 * A controller of management calls. Guard, filter and interceptors are bound here and not globally, so that a host's own calls stay as
 * they are.
 */
export function ManagementController(route: string): ClassDecorator {
  return applyDecorators(
    Controller(route),
    UseGuards(KeystoneAuthGuard),
    UseFilters(ErrorFilter),
    UseInterceptors(RequestIdInterceptor, DatabaseErrorInterceptor),
  );
}
