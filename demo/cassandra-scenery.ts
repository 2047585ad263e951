import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ApiClient } from './api-client';
import { DEMO_PROJECT, DEMO_TOKEN, Deployment } from './deployment';
import { Party, RestoringParty, Scenery, stopAll } from './scenery';
import { runScript, watchOver } from './services';

/** Two gateways, each with an embedded PostgreSQL for its jobs, a folder, and a Cassandra node of its own for its tables. */
export class CassandraScenery implements Scenery {
  readonly firstIs = 'a Cassandra of its own, an object store in a folder; the first time ever, Cassandra is fetched, which takes a minute';
  readonly secondIs = 'the same, empty, with another Cassandra';
  private readonly started: Promise<Deployment>[] = [];
  private readonly nodes: Promise<unknown>[] = [];
  private readonly cancelled = new AbortController();
  private watched: { readonly folder: string; clean(): Promise<void> } | undefined;

  async first(): Promise<Party> {
    return this.start('first');
  }

  async second(backupUrl: string): Promise<RestoringParty> {
    return this.start('second', { ALLOWED_FOLDERS: fileURLToPath(new URL('.', backupUrl)) });
  }

  async end(): Promise<void> {
    this.cancelled.abort();
    await Promise.allSettled(this.nodes);
    await stopAll(this.started);
    await this.watched?.clean();
  }

  private async start(name: string, settings: Record<string, string> = {}): Promise<Party> {
    const folder = await this.folder();
    const node = runScript(folder, name, ['cassandra/start.sh'], {}, this.cancelled.signal);
    this.nodes.push(node);
    const port = (await node).at(-1) ?? '';
    this.cancelled.signal.throwIfAborted();
    const starting = Deployment.start(name, {
      TABLES_BACKEND: 'cassandra',
      CASSANDRA_CONTACT_POINTS: `127.0.0.1:${port}`,
      CASSANDRA_DATA_CENTER: 'datacenter1',
      CASSANDRA_REPLICATION: 'datacenter1:1',
      ...settings,
    });
    this.started.push(starting);
    const deployment = await starting;
    return { api: new ApiClient(deployment.url, DEMO_TOKEN, DEMO_PROJECT), output: deployment.output };
  }

  /** Of both nodes; whatever becomes of this process, they end with it. */
  private async folder(): Promise<string> {
    if (this.watched === undefined) {
      const folder = await mkdtemp(join(tmpdir(), 'magnetodb-demo-cassandra-'));
      this.watched = { folder, clean: watchOver(folder) };
    }
    return this.watched.folder;
  }
}
