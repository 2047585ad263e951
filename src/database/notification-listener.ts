import type { PoolClient } from 'pg';
import type { DataSource, QueryRunner } from 'typeorm';

/**
 * Listens on a PostgreSQL channel (NOTIFY) with a connection of its own, and connects again whenever that is lost.
 * Messages sent meanwhile are lost: whoever listens must also look by itself now and then.
 */
export class NotificationListener {
  private runner: QueryRunner | undefined;
  private retry: NodeJS.Timeout | undefined;
  private stopped = false;

  constructor(
    private readonly dataSource: DataSource,
    private readonly channel: string,
    private readonly onMessage: (payload: string) => void,
    private readonly reconnectMillis = 1000,
  ) {
    if (!/^[a-z_]+$/.test(channel)) throw new Error('a channel name is lower-case letters and _');
  }

  /** Resolves once it listens, or has failed to for the first time (it goes on trying). */
  async start(): Promise<void> {
    if (this.stopped) return;
    const runner = this.dataSource.createQueryRunner();
    const lost = (): void => {
      if (this.runner !== runner) return;
      this.runner = undefined;
      this.startLater();
    };
    try {
      const client: PoolClient = await runner.connect();
      this.runner = runner;
      client.on('error', lost);
      client.on('end', lost);
      client.on('notification', (message) => this.onMessage(message.payload ?? ''));
      await client.query(`LISTEN ${this.channel}`);
      if (this.stopped) await this.stop();
    } catch {
      lost();
      await runner.release().catch(() => undefined);
      if (this.retry === undefined) this.startLater();
    }
  }

  async stop(): Promise<void> {
    this.stopped = true;
    clearTimeout(this.retry);
    const runner = this.runner;
    this.runner = undefined;
    if (runner === undefined) return;
    const client: PoolClient = await runner.connect();
    client.removeAllListeners('notification');
    await client.query(`UNLISTEN ${this.channel}`).catch(() => undefined);
    await runner.release().catch(() => undefined);
  }

  private startLater(): void {
    if (this.stopped) return;
    clearTimeout(this.retry);
    this.retry = setTimeout(() => {
      this.retry = undefined;
      void this.start();
    }, this.reconnectMillis);
  }
}
