import { TableSchema } from '../../kernel';
import { ExpectedRows, NativePart, NativeSnapshot, NativeTables, SnapshotOptions } from '../native-tables';
import { BuildHandle, TableHandle } from '../table-backend';
import { Builds } from './builds';
import { domainError, translated } from './errors';
import { PostgresSnapshot, StreamCount } from './native-snapshot';
import { Services } from './services';

/** PostgreSQL's own format: files of `COPY … (FORMAT binary)` (docs/adr/0006-native-postgres.md). */
export class PostgresNativeTables implements NativeTables {
  readonly format = 'postgresql-1';
  private readonly counted: StreamCount = { extra: 0 };

  constructor(
    private readonly services: Services,
    private readonly builds: Builds,
  ) {}

  serverVersion(): Promise<string> {
    return translated(async () => {
      const found = await this.services.db.query<{ server_version: string }>('SHOW server_version');
      return found.rows[0]?.server_version ?? 'unknown';
    });
  }

  openSnapshot(handle: TableHandle, options: SnapshotOptions): Promise<NativeSnapshot> {
    return translated(() => PostgresSnapshot.open(this.services, this.counted, handle, options));
  }

  openBuild(projectId: string, buildId: string, schema: TableSchema, rows: ExpectedRows): Promise<BuildHandle> {
    return translated(() => this.builds.open(projectId, buildId, schema, rows));
  }

  async loadRows(build: BuildHandle, part: NativePart, signal?: AbortSignal): Promise<void> {
    try {
      await this.builds.loadRows(build, part, signal);
    } catch (error) {
      signal?.throwIfAborted();
      throw domainError(error);
    }
  }

  countRows(build: BuildHandle): Promise<number> {
    return translated(() => this.builds.countRows(build));
  }
}
