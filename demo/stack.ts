import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { extname, join, resolve } from 'node:path';
import { CASSANDRA, CloudServices, KEYSTONE, RABBITMQ, SWIFT, gatewaySettings, scripted } from './openstack-services';
import { watchOver } from './services';

/**
 * `npm run stack`: a gateway with a Cassandra, a Keystone, a Swift and a RabbitMQ of its own on this machine, all of them real, by the scripts that the
 * tests use. It prints how to make the first backup, and runs until Ctrl-C, SIGTERM or SIGHUP; then all data are removed.
 *
 * `--json` prints one line of JSON instead; `--ready-file FILE` also writes it there once everything is ready.
 */
/** Run as this program is. */
const GATEWAY_COMMAND = [process.execPath, ...process.execArgv, resolve(__dirname, `../src/gateway/main${extname(__filename)}`)];
const USER = 'member';
const EXCHANGE = 'magnetodb';

/** What a client needs. */
export interface Stack {
  readonly gateway: string;
  /** `host:port` of its CQL. */
  readonly cassandra: string;
  readonly keystone: string;
  readonly swift: string;
  readonly rabbitmq: string;
  /** Id of the project `demo`. */
  readonly project: string;
  /** Lines for a shell, to be typed one after another. */
  readonly first_backup: readonly string[];
  /** Where data and logs lie, while it runs. */
  readonly folder: string;
}

const GATEWAY = scripted('gateway', 'gateway.sh');

async function start(services: CloudServices, say: (text: string) => void): Promise<Stack> {
  say('Starting Cassandra, Keystone, Swift and RabbitMQ (the first time, their packages are fetched, which takes a minute or two)…');
  const [rabbitmq, cassandra, { keystone, swift }] = await Promise.all([services.startRabbitmq(), services.startCassandra(), services.startKeystoneAndSwift()]);
  say('Starting the gateway…');
  const settings = {
    ...gatewaySettings({ keystone, cassandra }),
    DATA_DIR: services.folder,
    // Only what Keystone's catalogue names is found by the gateway.
    OBJECTS_URL: 'swift://backups-{project}',
    AMQP_URL: rabbitmq,
    AMQP_EXCHANGE: EXCHANGE,
  };
  const gateway = (await services.start(GATEWAY, settings, GATEWAY_COMMAND)).at(-1) ?? '';
  // Command lines that log in to Keystone find the gateway there.
  await services.listEndpoints({ 'key-value-storage-backup': gateway });
  const project = services.projectId('demo');
  return { gateway, cassandra, keystone: `${keystone}/v3`, swift, rabbitmq, project, first_backup: firstBackup(gateway, keystone, project), folder: services.folder };
}

function firstBackup(gateway: string, keystone: string, project: string): string[] {
  const user = { name: USER, domain: { id: 'default' }, password: `${USER}-secret` };
  const scope = { project: { name: 'demo', domain: { id: 'default' } } };
  const logIn = { auth: { identity: { methods: ['password'], password: { user } }, scope } };
  const table = { table_name: 'threads', attribute_definitions: [{ attribute_name: 'forum', attribute_type: 'S' }], key_schema: [{ attribute_name: 'forum', key_type: 'HASH' }] };
  const json = "-H 'Content-Type: application/json'";
  const call = (path: string, body?: unknown): string =>
    `curl -sS --fail-with-body -H "X-Auth-Token: $TOKEN" ${gateway}${path}${body === undefined ? '' : ` ${json} -d '${JSON.stringify(body)}'`}; echo`;
  return [
    `TOKEN=$(curl -sS -D - -o /dev/null ${json} '${keystone}/v3/auth/tokens?nocatalog' -d '${JSON.stringify(logIn)}' | tr -d '\\r' | sed -n 's/^[Xx]-[Ss]ubject-[Tt]oken: //p')`,
    call(`/v1/data/${project}/tables`, table),
    call(`/v1/data/${project}/tables/threads/put_item`, { item: { forum: { S: 'MagnetoDB' }, views: { N: '7' } } }),
    call(`/v1/management/${project}/tables/threads/backups`, { backup_name: 'first' }),
    call(`/v1/management/${project}/backups`),
  ];
}

function instructions(stack: Stack): string {
  return `
Ready. Everything runs on this machine only, and its data go with it. Ctrl-C ends it.

  gateway    ${stack.gateway}   Swagger UI: /docs, console: /console
  Cassandra  ${stack.cassandra}   the tables
  Keystone   ${stack.keystone}   users ${USER}, viewer, operator, boss of project demo; passwords: NAME-secret
  Swift      ${stack.swift}   one container for the backups of each project
  RabbitMQ   ${stack.rabbitmq}   exchange ${EXCHANGE}, topic notifications
  logs       ${join(stack.folder, 'services')}/*/log

A token, a table with an item, its first backup, and what became of it:

${stack.first_backup.join('\n')}

`;
}

async function main(): Promise<void> {
  const json = process.argv.includes('--json');
  const readyFile = process.argv.includes('--ready-file') ? process.argv[process.argv.indexOf('--ready-file') + 1] : undefined;
  const say = (text: string): void => void (json ? undefined : process.stdout.write(`${text}\n`));
  const folder = await mkdtemp(join(tmpdir(), 'magnetodb-stack-'));
  const clean = watchOver(folder);
  const told = new Promise<void>((end) => ['SIGINT', 'SIGTERM', 'SIGHUP'].forEach((signal) => process.on(signal, () => end())));
  const brokenOff = new AbortController();
  const services = new CloudServices(folder, brokenOff.signal);
  const starting = start(services, say).then(async (stack) => {
    process.stdout.write(json ? `${JSON.stringify(stack)}\n` : instructions(stack));
    if (readyFile !== undefined) await writeFile(readyFile, JSON.stringify(stack));
  });
  const keepAlive = setInterval(() => undefined, 60_000);
  try {
    await Promise.race([told, starting.then(() => told)]);
  } finally {
    clearInterval(keepAlive);
    say('Stopping…');
    brokenOff.abort();
    await starting.catch(() => undefined);
    // The gateway first, which still needs the others.
    await services.stop(GATEWAY);
    await services.stop(SWIFT, KEYSTONE, RABBITMQ, CASSANDRA);
    await clean();
  }
}

main().then(
  () => process.exit(0),
  (error: unknown) => {
    process.stderr.write(`The stack did not start: ${error instanceof Error ? error.message : String(error)}\n`);
    process.exit(1);
  },
);
