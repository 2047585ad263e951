import { Readable } from 'node:stream';

export interface Page {
  readonly items: readonly Record<string, unknown>[];
  readonly last_evaluated_key?: Record<string, unknown>;
}

export interface Progress {
  readonly phase: string;
  readonly items_done?: number;
  readonly items_total_estimate?: number;
}

export interface Backup {
  readonly backup_id: string;
  readonly status: string;
  readonly item_count?: number;
  readonly size_bytes?: number;
  readonly table_size_bytes?: number;
  readonly links: readonly { readonly rel: string; readonly href: string }[];
  readonly progress?: Progress;
  readonly error?: { readonly type: string; readonly message: string };
}

export interface RestoreJob {
  readonly restore_job_id: string;
  readonly status: string;
  readonly progress?: Progress;
  readonly error?: { readonly type: string; readonly message: string };
}

/** The few calls of the public API that the demo makes, over HTTP as anybody would. */
export class ApiClient {
  constructor(
    readonly baseUrl: string,
    private readonly token: string,
    private readonly projectId: string,
  ) {}

  createTable(body: unknown): Promise<unknown> {
    return this.call('POST', this.data('tables'), body);
  }

  async describeTable(table: string): Promise<Record<string, unknown>> {
    return (await this.call<{ table: Record<string, unknown> }>('GET', this.data(`tables/${table}`))).table;
  }

  dropTable(table: string): Promise<unknown> {
    return this.call('DELETE', this.data(`tables/${table}`));
  }

  /** Streams newline-separated items through `bulk_load`. */
  async bulkLoad(table: string, items: Iterable<unknown>): Promise<{ processed: number; failed: number; unprocessed: number }> {
    const lines = function* () {
      let block = '';
      for (const item of items) {
        block += `${JSON.stringify(item)}\n`;
        if (block.length > 65536) {
          yield Buffer.from(block);
          block = '';
        }
      }
      if (block !== '') yield Buffer.from(block);
    };
    const body = Readable.toWeb(Readable.from(lines())) as ReadableStream;
    return this.call('POST', this.data(`tables/${table}/bulk_load`), undefined, { body, duplex: 'half' });
  }

  scan(table: string, startKey: Record<string, unknown> | undefined, limit: number): Promise<Page> {
    return this.call('POST', this.data(`tables/${table}/scan`), { limit, ...(startKey === undefined ? {} : { exclusive_start_key: startKey }) });
  }

  async *scanAll(table: string): AsyncGenerator<Record<string, unknown>> {
    let startKey: Record<string, unknown> | undefined;
    do {
      const page = await this.scan(table, startKey, 5000);
      yield* page.items;
      startKey = page.last_evaluated_key;
    } while (startKey !== undefined);
  }

  createBackup(table: string, name: string, format = 'db-agnostic'): Promise<Backup> {
    return this.call('POST', this.management(`${table}/backups`), { backup_name: name, strategy: { format } });
  }

  describeBackup(table: string, id: string): Promise<Backup> {
    return this.call('GET', this.management(`${table}/backups/${id}`));
  }

  /** `source`: a backup's URL. */
  createRestore(table: string, source: string, strategy?: unknown): Promise<RestoreJob> {
    return this.call('POST', this.management(`${table}/restores`), { source, ...(strategy === undefined ? {} : { strategy }) });
  }

  describeRestore(table: string, id: string): Promise<RestoreJob> {
    return this.call('GET', this.management(`${table}/restores/${id}`));
  }

  private data(path: string): string {
    return `/v1/data/${this.projectId}/${path}`;
  }

  private management(path: string): string {
    return `/v1/management/${this.projectId}/tables/${path}`;
  }

  private async call<T>(method: string, path: string, json?: unknown, stream: { body?: ReadableStream; duplex?: 'half' } = {}): Promise<T> {
    const response = await fetch(`${this.baseUrl}${path}`, {
      method,
      headers: { 'x-auth-token': this.token, ...(json === undefined ? {} : { 'content-type': 'application/json' }) },
      ...(json === undefined ? {} : { body: JSON.stringify(json) }),
      ...stream,
    } as RequestInit);
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path} answered ${response.status}: ${text}`);
    return JSON.parse(text) as T;
  }
}
