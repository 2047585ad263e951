import { readFileSync } from 'node:fs';
import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { extname, join, resolve } from 'node:path';
import { runScript, watchOver } from './services';

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

/** A service's scripts, below test/services. */
interface Service {
  readonly name: string;
  readonly start: readonly string[];
  readonly stop: readonly string[];
}
const scripted = (name: string, script: string): Service => ({ name, start: [script, 'start'], stop: [script, 'stop'] });
const KEYSTONE = scripted('keystone', 'openstack/keystone.sh');
const SWIFT = scripted('swift', 'openstack/swift.sh');
const RABBITMQ = scripted('rabbitmq', 'openstack/rabbitmq.sh');
const CASSANDRA = { name: 'cassandra', start: ['cassandra/start.sh'], stop: ['cassandra/stop.sh'] };
const GATEWAY = scripted('gateway', 'gateway.sh');

async function start(folder: string, say: (text: string) => void, signal: AbortSignal): Promise<Stack> {
  const serviceOf = (service: Service, env: Record<string, string> = {}, command: readonly string[] = []): Promise<string[]> =>
    runScript(folder, service.name, [...service.start, ...command], env, signal);
  say('Starting Cassandra, Keystone, Swift and RabbitMQ (the first time, their packages are fetched, which takes a minute or two)…');
  const [[rabbitmq = ''], [cqlPort = ''], { keystone, swift }] = await Promise.all([
    serviceOf(RABBITMQ).then((lines) => lines.slice(-1)),
    serviceOf(CASSANDRA).then((lines) => lines.slice(-1)),
    serviceOf(KEYSTONE).then(async (said) => {
      const url = said.at(-1) ?? '';
      return { keystone: url, swift: (await serviceOf(SWIFT, { KEYSTONE_URL: url })).at(-2) ?? '' };
    }),
  ]);
  // Only what Keystone's catalogue names is found by the gateway.
  await serviceOf(KEYSTONE, { KEYSTONE_ENDPOINTS: `object-store=${swift}/v1/AUTH_%(project_id)s` });
  const project = projectId(folder);
  const cassandra = `127.0.0.1:${cqlPort}`;
  say('Starting the gateway…');
  const [gateway = ''] = (
    await serviceOf(GATEWAY, {
      DATA_DIR: folder,
      KEYSTONE_URL: `${keystone}/v3`,
      KEYSTONE_USERNAME: 'magnetodb',
      KEYSTONE_PASSWORD: 'magnetodb-secret',
      TABLES_BACKEND: 'cassandra',
      CASSANDRA_CONTACT_POINTS: cassandra,
      CASSANDRA_REPLICATION: 'datacenter1:1',
      OBJECTS_URL: 'swift://backups-{project}',
      AMQP_URL: rabbitmq,
      AMQP_EXCHANGE: EXCHANGE,
      DATABASE_URL: '',
      DEV_TOKENS: '',
    }, GATEWAY_COMMAND)
  ).slice(-1);
  // Command lines that log in to Keystone find the gateway there.
  await serviceOf(KEYSTONE, { KEYSTONE_ENDPOINTS: `object-store=${swift}/v1/AUTH_%(project_id)s key-value-storage-backup=${gateway}` });
  return { gateway, cassandra, keystone: `${keystone}/v3`, swift, rabbitmq, project, first_backup: firstBackup(gateway, keystone, project), folder };
}

/** Of Keystone's project `demo`. */
function projectId(folder: string): string {
  const ids = JSON.parse(readFileSync(join(folder, 'services/keystone/keystone/ids.json'), 'utf8')) as { projects: Record<string, string> };
  return ids.projects['demo'] ?? '';
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

/** The gateway first, which still needs the others; each is stopped, whatever becomes of the others. */
async function stop(folder: string): Promise<void> {
  const halt = (service: Service): Promise<unknown> => runScript(folder, service.name, service.stop).catch(() => undefined);
  await halt(GATEWAY);
  await Promise.all([SWIFT, KEYSTONE, RABBITMQ, CASSANDRA].map(halt));
}

async function main(): Promise<void> {
  const json = process.argv.includes('--json');
  const readyFile = process.argv.includes('--ready-file') ? process.argv[process.argv.indexOf('--ready-file') + 1] : undefined;
  const say = (text: string): void => void (json ? undefined : process.stdout.write(`${text}\n`));
  const folder = await mkdtemp(join(tmpdir(), 'magnetodb-stack-'));
  const clean = watchOver(folder);
  const told = new Promise<void>((end) => ['SIGINT', 'SIGTERM', 'SIGHUP'].forEach((signal) => process.on(signal, () => end())));
  const brokenOff = new AbortController();
  const starting = start(folder, say, brokenOff.signal).then(async (stack) => {
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
    await stop(folder);
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
