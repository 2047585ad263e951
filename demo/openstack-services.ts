import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { runScript } from './services';

/** A service's scripts, below test/services. */
export interface Service {
  readonly name: string;
  readonly start: readonly string[];
  readonly stop: readonly string[];
}

export const scripted = (name: string, script: string): Service => ({ name, start: [script, 'start'], stop: [script, 'stop'] });
export const KEYSTONE = scripted('keystone', 'openstack/keystone.sh');
export const SWIFT = scripted('swift', 'openstack/swift.sh');
export const RABBITMQ = scripted('rabbitmq', 'openstack/rabbitmq.sh');
export const CASSANDRA: Service = { name: 'cassandra', start: ['cassandra/start.sh'], stop: ['cassandra/stop.sh'] };

/** One cloud's services; several clouds below one folder have names. */
export class CloudServices {
  constructor(
    readonly folder: string,
    private readonly signal: AbortSignal,
    private readonly name = '',
  ) {}

  /** Starts a service, and resolves with the lines that its script printed. */
  start({ name, start }: Service, env: Record<string, string> = {}, command: readonly string[] = []): Promise<string[]> {
    return runScript(this.folder, this.name + name, [...start, ...command], env, this.signal);
  }

  async startRabbitmq(): Promise<string> {
    return (await this.start(RABBITMQ)).at(-1) ?? '';
  }

  /** @returns `host:port` of its CQL */
  async startCassandra(): Promise<string> {
    return `127.0.0.1:${(await this.start(CASSANDRA)).at(-1) ?? ''}`;
  }

  /** A Keystone, and the Swift that asks it and stands in its catalogue. @returns their URLs, without versions */
  async startKeystoneAndSwift(): Promise<{ keystone: string; swift: string }> {
    const keystone = (await this.start(KEYSTONE)).at(-1) ?? '';
    const swift = (await this.start(SWIFT, { KEYSTONE_URL: keystone })).at(-2) ?? '';
    await this.listEndpoints({ 'object-store': `${swift}/v1/AUTH_%(project_id)s` });
    return { keystone, swift };
  }

  /** Adds endpoints, by the type of their service, to Keystone's catalogue. */
  async listEndpoints(endpoints: Readonly<Record<string, string>>): Promise<void> {
    const listed = Object.entries(endpoints).map(([type, url]) => `${type}=${url}`);
    await this.start(KEYSTONE, { KEYSTONE_ENDPOINTS: listed.join(' ') });
  }

  /** Of a project of Keystone's. */
  projectId(project: string): string {
    const ids = JSON.parse(readFileSync(join(this.folder, 'services', `${this.name}keystone`, 'keystone/ids.json'), 'utf8')) as { projects: Record<string, string> };
    return ids.projects[project] ?? '';
  }

  /** What was not started, or has ended, is no matter. */
  async stop(...services: readonly Service[]): Promise<void> {
    await Promise.all(services.map(({ name, stop }) => runScript(this.folder, this.name + name, stop).catch(() => undefined)));
  }
}

/** The settings of a gateway beside such services; its own user's are those of test/services/openstack/keystone-seed.json. */
export function gatewaySettings({ keystone, cassandra }: { keystone: string; cassandra: string }): Record<string, string> {
  return {
    KEYSTONE_URL: `${keystone}/v3`,
    KEYSTONE_USERNAME: 'magnetodb',
    KEYSTONE_PASSWORD: 'magnetodb-secret',
    TABLES_BACKEND: 'cassandra',
    CASSANDRA_CONTACT_POINTS: cassandra,
    CASSANDRA_REPLICATION: 'datacenter1:1',
    DATABASE_URL: '',
    DEV_TOKENS: '',
  };
}
