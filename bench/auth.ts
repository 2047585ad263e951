import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { Agent, request } from 'node:http';
import { loadavg, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { ApiClient } from '../demo/api-client';
import { Deployment } from '../demo/deployment';
import { median } from './report';
import { Stops, started } from './stops';
import { generatedTable } from './tables';

const SCRIPT = resolve('test/services/openstack/keystone.sh');
/** Clients that ask again as soon as they are answered. */
const CLIENTS = 16;
/** In the list that is asked for. */
const BACKUPS = 10;
/** So long a gateway is called before it is measured. */
const WARM_UP_MILLIS = 2_000;

/** A token of a real Keystone, and what it is for. */
interface Login {
  readonly token: string;
  readonly project: string;
}

/** Of one round. */
interface Round {
  readonly perSecond: number;
  /** CPU time of the gateway's process a request, in milliseconds: much the same, whatever else the machine does. */
  readonly cpuMillis: number;
}

/**
 * Requests per second of `GET /backups` with a token that the gateway has asked a real Keystone about and remembers, beside the same gateway with its
 * guard taken out (no-authentication.ts), in turns.
 * @param stops gets what an interrupted bench must stop, last things first
 */
export async function benchAuthentication(quick: boolean, stops: Stops): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'magnetodb-bench-'));
  const keystone = async (action: string): Promise<string> =>
    (await promisify(execFile)('bash', [SCRIPT, action], { env: { ...process.env, SERVICES_DIR: folder } })).stdout.trim();
  stops.unshift({ stop: () => keystone('wipe').then(() => rm(folder, { recursive: true, force: true })) });
  const url = await keystone('start');
  const login = await logIn(`${url}/v3`, join(folder, 'keystone/ids.json'));
  const start = async (name: string, settings: Record<string, string>): Promise<Deployment> => {
    const gateway = await started(stops, Deployment.start(name, settings));
    await fill(gateway.url, login);
    await callFor(gateway, login, WARM_UP_MILLIS);
    return gateway;
  };
  const open = await start('open', { NODE_OPTIONS: `--require ${join(__dirname, 'no-authentication.js')}` });
  const guarded = await start('guarded', { KEYSTONE_URL: `${url}/v3`, KEYSTONE_USERNAME: 'magnetodb', KEYSTONE_PASSWORD: 'magnetodb-secret' });
  const measured: Record<'open' | 'guarded', Round[]> = { open: [], guarded: [] };
  const [rounds, millis] = quick ? [2, 1_000] : [6, 5_000];
  for (let round = 0; round < rounds; round++) {
    measured.open.push(await callFor(open, login, millis));
    measured.guarded.push(await callFor(guarded, login, millis));
  }
  return report(measured);
}

async function logIn(url: string, idsFile: string): Promise<Login> {
  const { projects } = JSON.parse(await readFile(idsFile, 'utf8')) as { projects: { demo: string } };
  const user = { name: 'member', domain: { id: 'default' }, password: 'member-secret' };
  const auth = { identity: { methods: ['password'], password: { user } }, scope: { project: { id: projects.demo } } };
  const answer = await fetch(`${url}/auth/tokens`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ auth }) });
  const token = answer.headers.get('x-subject-token');
  if (token === null) throw new Error(`Keystone answered ${answer.status} to a log-in`);
  return { token, project: projects.demo };
}

async function fill(url: string, { token, project }: Login): Promise<void> {
  const api = new ApiClient(url, token, project);
  const table = generatedTable(100);
  await api.createTable(table.definition);
  await api.bulkLoad(table.name, table.generate());
  for (let index = 0; index < BACKUPS; index++) {
    const { backup_id: id } = await api.createBackup(table.name, `backup ${index}`);
    while ((await api.describeBackup(table.name, id)).status === 'CREATING') await delay(50);
  }
}

/** Calls it with all clients for so long. */
async function callFor({ url, pid }: Deployment, { token, project }: Login, millis: number): Promise<Round> {
  const agent = new Agent({ keepAlive: true, maxSockets: CLIENTS });
  const call = (): Promise<number> =>
    new Promise((done, fail) => {
      const sent = request(`${url}/v1/management/${project}/backups`, { agent, headers: { 'x-auth-token': token } }, (response) => {
        response.resume().on('error', fail);
        response.on('end', () => done(response.statusCode ?? 0));
      });
      sent.on('error', fail).end();
    });
  const [start, cpu] = [performance.now(), cpuMillisOf(pid)];
  let calls = 0;
  const client = async (): Promise<void> => {
    while (performance.now() - start < millis) {
      const status = await call();
      if (status !== 200) throw new Error(`GET /backups answered ${status}`);
      calls += 1;
    }
  };
  await Promise.all(Array.from({ length: CLIENTS }, client));
  agent.destroy();
  return { perSecond: (calls * 1000) / (performance.now() - start), cpuMillis: (cpuMillisOf(pid) - cpu) / calls };
}

/** User and system time of a process so far. Linux counts in hundredths of a second. */
function cpuMillisOf(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) * 10;
}

function report({ open, guarded }: Record<'open' | 'guarded', Round[]>): string {
  const perSecond = (rounds: readonly Round[]): number => median(rounds.map((round) => round.perSecond));
  const cpu = (rounds: readonly Round[]): number => median(rounds.map((round) => round.cpuMillis));
  const row = (what: string, rounds: readonly Round[]): string => {
    const each = rounds.map((round) => Math.round(round.perSecond)).join(', ');
    const [speed, cost] = [(perSecond(rounds) / perSecond(open)).toFixed(2), cpu(rounds).toFixed(2)];
    return `| ${what} | ${Math.round(perSecond(rounds))} | ${speed} | ${cost} | ${each} |`;
  };
  return [
    `${CLIENTS} clients, ${BACKUPS} backups in the list; load of the machine (1 minute) at the end: ${(loadavg()[0] ?? 0).toFixed(1)}`,
    '',
    '| GET /backups | requests/s (median) | no authentication = 1 | CPU ms a request | requests/s of each round |',
    '|---|---|---|---|---|',
    row('no authentication', open),
    row('Keystone, the token remembered', guarded),
    '',
  ].join('\n');
}
