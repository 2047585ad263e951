import { Module } from '@nestjs/common';
import { APP_INTERCEPTOR } from '@nestjs/core';
import { MaintenanceInterceptor } from './maintenance.interceptor';

/** Looks at every call of the application, the host's too, once the host has said which tables they touch. */
@Module({ providers: [{ provide: APP_INTERCEPTOR, useClass: MaintenanceInterceptor }] })
export class MaintenanceModule {}
