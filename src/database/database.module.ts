import { DynamicModule, InjectionToken, Module, ModuleMetadata, OptionalFactoryDependency } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { BACKUP_DATA_SOURCE, DatabaseOptions, openDataSource } from './data-source';

export interface DatabaseModuleAsyncOptions<T extends unknown[]> {
  readonly imports?: ModuleMetadata['imports'];
  readonly inject?: (InjectionToken | OptionalFactoryDependency)[];
  readonly useFactory: (...dependencies: T) => DatabaseOptions | Promise<DatabaseOptions>;
}

/** The plugin's own, named data source, migrated before anything uses it, closed with the application. */
@Module({})
export class DatabaseModule {
  static forRootAsync<T extends unknown[]>(options: DatabaseModuleAsyncOptions<T>): DynamicModule {
    let database: DatabaseOptions | undefined;
    return {
      module: DatabaseModule,
      imports: [
        TypeOrmModule.forRootAsync({
          name: BACKUP_DATA_SOURCE,
          imports: options.imports ?? [],
          inject: options.inject ?? [],
          useFactory: async (...dependencies: T) => {
            database = await options.useFactory(...dependencies);
            return { name: BACKUP_DATA_SOURCE, retryAttempts: 0, type: 'postgres' as const };
          },
          dataSourceFactory: async () => {
            if (database === undefined) throw new Error('the data source was asked for before its options');
            return openDataSource(database);
          },
        }),
      ],
      exports: [TypeOrmModule],
    };
  }
}
