import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { connect } from 'amqplib';
import { ApiClient } from './api-client';
import { Deployment } from './deployment';
import { CASSANDRA, CloudServices, KEYSTONE, RABBITMQ, SWIFT, gatewaySettings } from './openstack-services';
import { Party, RestoringParty, Scenery, stopAll } from './scenery';
import { watchOver } from './services';

/** The queue that oslo.messaging's listeners read. */
const QUEUE = 'notifications.info';
const NOTIFIED_SECONDS = 180;
const USER_DOMAIN = { id: 'default' };

/** A cloud of its own: servers below a folder, and a gateway that uses them. */
interface Cloud {
  readonly services: CloudServices;
  readonly keystone: string;
  readonly swift: string;
  readonly gateway: Deployment;
}

/**
 * Two clouds. In the first a member of a project backs up a table that lies in Cassandra into the project's account of Swift, by a trust, and RabbitMQ is
 * told; then its gateway and its Cassandra are gone. The second has a Keystone, a Swift, a Cassandra and users of its own; one of these restores
 * from the URL, with an application credential that somebody of the first cloud's project has lent.
 */
export class OpenstackScenery implements Scenery {
  readonly firstIs = 'Cassandra, Keystone, Swift and RabbitMQ; the first time their packages are fetched, which takes a minute or two';
  readonly secondIs = 'with a Cassandra, a Keystone and a Swift of its own; the first one’s gateway and Cassandra are stopped';
  private readonly deployments: Promise<Deployment>[] = [];
  private readonly brokenOff = new AbortController();
  private readonly started: CloudServices[] = [];
  private clean: () => Promise<void> = () => Promise.resolve();
  private before: Cloud | undefined;
  private folder = '';
  private rabbitmq = '';

  async first(): Promise<Party> {
    this.folder = await mkdtemp(join(tmpdir(), 'magnetodb-openstack-demo-'));
    this.clean = watchOver(this.folder);
    const services = this.servicesOf('first-');
    this.rabbitmq = await services.startRabbitmq();
    this.before = await this.cloud('first', services, { OBJECTS_URL: 'swift://kept-backups', OBJECTS_ACCESS: 'trust', AMQP_URL: this.rabbitmq });
    return this.party(this.before, 'member', 'demo');
  }

  async second(): Promise<RestoringParty> {
    const before = this.before;
    if (before === undefined) throw new Error('there was no first deployment');
    const credential = { auth_url: `${before.keystone}/v3`, ...(await lentBy('operator', before)) };
    const notified = await eventsIn(this.rabbitmq, 'magnetodb.backup.create.end');
    await before.gateway.stop();
    await before.services.stop(CASSANDRA);
    const hosts = [before.keystone, before.swift].map((url) => new URL(url).host);
    const here = await this.cloud('second', this.servicesOf('second-'), { OBJECTS_URL: 'swift://backups-{project}', ALLOWED_HOSTS: hosts.join(',') });
    return { ...(await this.party(here, 'stranger', 'other')), strategy: { location: { credentials: credential } }, notified };
  }

  async end(): Promise<void> {
    this.brokenOff.abort();
    await stopAll(this.deployments);
    await Promise.all(this.started.map((services) => services.stop(SWIFT, KEYSTONE, RABBITMQ, CASSANDRA)));
    await this.clean();
  }

  private servicesOf(name: string): CloudServices {
    const services = new CloudServices(this.folder, this.brokenOff.signal, name);
    this.started.push(services);
    return services;
  }

  private async cloud(name: string, services: CloudServices, settings: Record<string, string>): Promise<Cloud> {
    const [cassandra, { keystone, swift }] = await Promise.all([services.startCassandra(), services.startKeystoneAndSwift()]);
    this.brokenOff.signal.throwIfAborted();
    const starting = Deployment.start(name, { ...gatewaySettings({ keystone, cassandra }), ...settings });
    this.deployments.push(starting);
    return { services, keystone, swift, gateway: await starting };
  }

  private async party({ keystone, gateway, services }: Cloud, user: string, project: string): Promise<Party> {
    const { token } = await logIn(keystone, user, project);
    return { api: new ApiClient(gateway.url, token, services.projectId(project)), output: gateway.output };
  }
}

/** As a user of test/services/openstack/keystone-seed.json. */
async function logIn(keystone: string, user: string, project: string): Promise<{ token: string; userId: string }> {
  const identity = { methods: ['password'], password: { user: { name: user, domain: USER_DOMAIN, password: `${user}-secret` } } };
  const scope = { project: { name: project, domain: USER_DOMAIN } };
  const { token, body } = await post<{ token: { user: { id: string } } }>(`${keystone}/v3/auth/tokens?nocatalog`, { auth: { identity, scope } });
  return { token, userId: body.token.user.id };
}

/** An application credential of a user of the project `demo`: it may do what the user may, until it is taken back, and the password is told to nobody. */
async function lentBy(user: string, { keystone }: Cloud): Promise<{ application_credential_id: string; application_credential_secret: string }> {
  const { token, userId } = await logIn(keystone, user, 'demo');
  const path = `/v3/users/${userId}/application_credentials`;
  const { body } = await post<{ application_credential: { id: string; secret: string } }>(`${keystone}${path}`, { application_credential: { name: 'for the restore' } }, token);
  return { application_credential_id: body.application_credential.id, application_credential_secret: body.application_credential.secret };
}

async function post<T>(url: string, json: unknown, token = ''): Promise<{ token: string; body: T }> {
  const headers = { 'content-type': 'application/json', 'x-auth-token': token };
  const response = await fetch(url, { method: 'POST', headers, body: JSON.stringify(json) });
  if (response.status !== 201) throw new Error(`Keystone answered ${response.status}`);
  return { token: response.headers.get('x-subject-token') ?? '', body: (await response.json()) as T };
}

/** The types of the events that RabbitMQ was told, until the one that is waited for. */
async function eventsIn(url: string, last: string): Promise<string[]> {
  const connection = await connect(url.replace('rabbit:', 'amqp:').replace(/\/$/, ''));
  try {
    const channel = await connection.createChannel();
    const types: string[] = [];
    for (const deadline = Date.now() + NOTIFIED_SECONDS * 1000; !types.includes(last); ) {
      const message = await channel.get(QUEUE, { noAck: true });
      if (message !== false) types.push(typeOf(message.content));
      else if (Date.now() < deadline) await delay(100);
      else throw new Error(`RabbitMQ was not told of ${last}`);
    }
    return types;
  } finally {
    await connection.close();
  }
}

/** Of an event in the envelope of oslo.messaging. */
function typeOf(content: Buffer): string {
  const envelope = JSON.parse(content.toString()) as { 'oslo.message': string };
  return (JSON.parse(envelope['oslo.message']) as { event_type: string }).event_type;
}
