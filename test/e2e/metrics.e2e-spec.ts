import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { load } from 'js-yaml';
import { Registry, collectDefaultMetrics } from 'prom-client';
import { BadDaysGateway, Door, startBadDays } from './bad-days-gateway';
import { Json, ManagementClient, expectStatus, makeTable } from './management-server';
import { Sample, readSamples, sampleOf } from './prometheus';
import { until } from '../setup/until';

const ITEMS = 40;
const PREFIX = 'magnetodb_backup_';

let gateway: BadDaysGateway;
let client: ManagementClient;
beforeAll(async () => {
  gateway = await startBadDays({ maxAttempts: 1, maxJobs: 2 });
  client = gateway.client();
});
afterEach(() => gateway.heal());
afterAll(() => gateway.stop());

const ask = (token?: string): Promise<Response> =>
  fetch(`${gateway.url}/metrics`, token === undefined ? {} : { headers: { Authorization: `Bearer ${token}` } });

async function text(): Promise<string> {
  const response = await ask('monitor-token');
  expect([response.status, response.headers.get('content-type')]).toEqual([200, 'text/plain; version=0.0.4; charset=utf-8']);
  return response.text();
}

const samples = async (): Promise<Sample[]> => readSamples(await text());

/** Metrics once they say so: what the databases say is remembered for a few seconds. */
const untilSaid = (said: (all: readonly Sample[]) => boolean, what: string): Promise<Sample[]> =>
  until(
    async () => {
      const all = await samples();
      return said(all) && all;
    },
    20_000,
    what,
  );

const of = (all: readonly Sample[], name: string, labels: Record<string, string> = {}): number | undefined => sampleOf(all, PREFIX + name, labels);

async function restored(source: Json, table: string): Promise<void> {
  const { id } = await expectStatus(client.createRestore(table, { id: source['id'] }), 202);
  expect(await client.finished(() => client.restore(table, id), 'RESTORING')).toMatchObject({ status: 'RESTORED' });
}

it('is for those whom the rule lets', async () => {
  expect((await ask()).status).toBe(401);
  expect((await ask('unknown')).status).toBe(401);
  expect((await ask('demo-token')).status).toBe(403);
  expect((await ask('admin-token')).status).toBe(403);
  expect((await ask('monitor-token')).status).toBe(200);
  const more = await fetch(`${gateway.url}/metrics?name[]=jobs`, { headers: { 'X-Auth-Token': 'monitor-token' } });
  expect([more.status, ((await more.json()) as { error: Json }).error['type']]).toEqual([400, 'ValidationError']);
});

it('knows every kind of job before there is one, so that the first failure is an increase', async () => {
  const all = await samples();
  for (const kind of ['backup.create', 'backup.delete', 'restore.whole']) {
    expect(of(all, 'job_duration_seconds_count', { kind, outcome: 'failed' })).toBe(0);
    expect(of(all, 'cleanup_failures_total', { kind })).toBe(0);
    for (const state of ['queued', 'running', 'succeeded', 'failed']) expect(of(all, 'jobs', { kind, state })).toBe(0);
    expect(of(all, 'queue_oldest_seconds', { kind })).toBe(0);
    expect(of(all, 'running_oldest_seconds', { kind })).toBe(0);
  }
  for (const state of ['pending', 'dead']) expect(of(all, 'outbox', { sender: 'log', state })).toBe(0);
  expect(of(all, 'backups', { status: 'DELETE_FAILED' })).toBe(0);
  expect(of(all, 'stored_bytes')).toBe(0);
  expect(of(all, 'last_success_timestamp_seconds', { operation: 'backup.create' })).toBeUndefined();
});

describe('after a backup and its restore', () => {
  let backup: Json;
  let all: Sample[];
  let shown: string;
  let table: string;

  beforeAll(async () => {
    table = await makeTable(gateway.backend, ITEMS);
    backup = await client.madeBackup(table, 'counted');
    await restored(backup, `${table}_again`);
    all = await untilSaid((now) => of(now, 'jobs', { kind: 'restore.whole', state: 'succeeded' }) === 1, 'the restore is not counted');
    shown = await text();
  });

  it('counts items and bytes of the jobs', () => {
    for (const kind of ['backup.create', 'restore.whole']) {
      expect(of(all, 'items_total', { kind })).toBeGreaterThanOrEqual(ITEMS);
      expect(of(all, 'bytes_total', { kind })).toBeGreaterThanOrEqual(Number(backup['table_size_bytes']));
    }
    expect(of(all, 'items_total', { kind: 'backup.create' })).toBe(ITEMS);
    expect(of(all, 'bytes_total', { kind: 'backup.create' })).toBe(backup['table_size_bytes']);
  });

  it('times jobs and steps', () => {
    for (const kind of ['backup.create', 'restore.whole']) {
      expect(of(all, 'job_duration_seconds_count', { kind, outcome: 'succeeded' })).toBe(1);
      expect(of(all, 'job_duration_seconds_sum', { kind, outcome: 'succeeded' })).toBeGreaterThan(0);
    }
    expect(of(all, 'step_duration_seconds_count', { kind: 'backup.create', stage: 'copy', outcome: 'done' })).toBeGreaterThan(0);
  });

  it('knows what the catalogue holds, and when the last ones were finished', () => {
    expect(of(all, 'backups', { status: 'CREATED' })).toBe(1);
    expect(of(all, 'stored_bytes')).toBe(backup['size_bytes']);
    const finished = Date.parse(String(backup['finish_datetime'])) / 1000;
    expect(of(all, 'last_success_timestamp_seconds', { operation: 'backup.create' })).toBeCloseTo(finished, 2);
    expect(of(all, 'last_success_timestamp_seconds', { operation: 'restore' })).toBeGreaterThanOrEqual(finished);
  });

  it('times every request to the object store', () => {
    for (const operation of ['put', 'get', 'read']) {
      expect(of(all, 'object_store_request_duration_seconds_count', { operation, place: 'internal', outcome: 'ok' })).toBeGreaterThan(0);
    }
    expect(of(all, 'object_store_stored_bytes_total', { place: 'internal' })).toBeGreaterThan(Number(backup['size_bytes']));
  });

  it('times calls by their route', async () => {
    expect((await fetch(`${gateway.url}/v1/nowhere/${randomUUID()}`)).status).toBe(404);
    expect(sampleOf(await samples(), 'magnetodb_http_request_duration_seconds_count', { method: 'GET', route: 'none', status: '404' })).toBe(1);
    const route = '/v1/:project_id/management/:table/backups';
    const count = all.filter(({ name, labels }) => name === 'magnetodb_http_request_duration_seconds_count' && labels['route'] === route);
    expect(count.map(({ labels, value }) => [labels['method'], labels['status'], value])).toEqual([['POST', '202', 1]]);
  });

  it('has no label that grows with tables, backups or projects', () => {
    for (const word of [table, String(backup['id']), String(backup['id']).replaceAll('-', ''), 'counted', '"demo"', 'demo-token']) expect(shown).not.toContain(word);
  });

  it('says of each metric what it is', () => {
    const described = new Set([...shown.matchAll(/^# HELP (\S+) \S.*$/gm)].map(([, name]) => name));
    for (const { name } of all) expect(described).toContain(name.replace(/_(bucket|sum|count)$/, ''));
  });
});

it('times the lock of a native backup', async () => {
  const table = await makeTable(gateway.backend, 5);
  expect(of(await samples(), 'table_lock_seconds_count')).toBe(0);
  const backup = await client.madeBackup(table, 'native', { strategy: { format: 'native' } });
  expect(backup).toMatchObject({ status: 'CREATED' });
  const all = await samples();
  expect(of(all, 'table_lock_seconds_count')).toBe(1);
  expect((of(all, 'table_lock_seconds_sum') ?? 0) * 1000).toBeCloseTo(Number(backup['locked_milliseconds']), -2);
});

it('counts failures: of the store, of steps, of jobs, of cleanups', async () => {
  const table = await makeTable(gateway.backend, 3);
  const before = await samples();
  gateway.spoil((store) => store.fail({ operation: 'put', name: /chunks/ }, 'StorageError'));
  const { id } = await expectStatus(client.createBackup(table, 'fails'), 202);
  await client.finished(() => client.backup(table, id), 'CREATING');
  const after = await untilSaid((now) => of(now, 'backups', { status: 'CREATE_FAILED' }) === 1, 'the failed backup is not counted');
  const grew = (name: string, labels: Record<string, string>): number => (of(after, name, labels) ?? 0) - (of(before, name, labels) ?? 0);
  expect(grew('object_store_request_duration_seconds_count', { operation: 'put', place: 'internal', outcome: 'error' })).toBe(1);
  expect(grew('step_duration_seconds_count', { kind: 'backup.create', stage: 'copy', outcome: 'failed' })).toBe(1);
  expect(grew('job_duration_seconds_count', { kind: 'backup.create', outcome: 'failed' })).toBe(1);
  expect(grew('cleanup_failures_total', { kind: 'backup.create' })).toBe(0);

  gateway.spoil((store) => {
    store.fail({ operation: 'put', name: /chunks/ }, 'StorageError');
    store.fail({ operation: 'delete', times: 1 }, 'StorageError');
  });
  const second = await expectStatus(client.createBackup(table, 'fails worse'), 202);
  await client.finished(() => client.backup(table, second['id']), 'CREATING');
  // One try that failed, and then, with one attempt for everything, the end without a cleanup.
  expect(of(await samples(), 'cleanup_failures_total', { kind: 'backup.create' })).toBe(2);
});

it('tells a job that was cancelled from one that failed', async () => {
  const table = await makeTable(gateway.backend, 3);
  const before = await samples();
  const door = new Door();
  gateway.spoil((store) => store.at('put:before', /chunks/, door.wait));
  const { id } = await expectStatus(client.createBackup(table, 'unwanted'), 202);
  await door.reached;
  await expectStatus(client.deleteBackup(table, id), 200);
  door.open();
  await until(async () => (await client.backup(table, id)).status === 404);
  const after = await samples();
  const grew = (outcome: string): number =>
    (of(after, 'job_duration_seconds_count', { kind: 'backup.create', outcome }) ?? 0) - (of(before, 'job_duration_seconds_count', { kind: 'backup.create', outcome }) ?? 0);
  expect({ cancelled: grew('cancelled'), failed: grew('failed') }).toEqual({ cancelled: 1, failed: 0 });
});

it('says how long jobs have waited and run, and what of the outbox is dead', async () => {
  const row = (state: string): Promise<unknown> =>
    gateway.query(
      `INSERT INTO magnetodb_backup.jobs (id, kind, project_id, subject_id, params, state, created_at)
       VALUES ($1, 'nobody', 'p', $1, 'null', $2, clock_timestamp() - interval '2 hours')`,
      [randomUUID(), state],
    );
  // Two that run are all that may: the third waits.
  await row('running');
  await row('running');
  await row('queued');
  await gateway.query(
    `WITH e AS (INSERT INTO magnetodb_backup.events (message_id, job_id, operation, phase, publisher_id, created_at, payload)
       VALUES ($1, $1, 'restore', 'start', 'nobody', clock_timestamp() - interval '2 hours', '{}') RETURNING seq, job_id)
     INSERT INTO magnetodb_backup.event_deliveries (event_seq, sender, job_id, state, attempts, next_attempt_at)
     SELECT seq, sender, job_id, state, 1, 'infinity' FROM e, (VALUES ('late', 'pending'), ('gone', 'abandoned')) AS d (sender, state)`,
    [randomUUID()],
  );
  const all = await untilSaid((now) => of(now, 'jobs', { kind: 'nobody', state: 'queued' }) === 1, 'the jobs are not counted');
  expect(of(all, 'jobs', { kind: 'nobody', state: 'running' })).toBe(2);
  for (const gauge of ['queue_oldest_seconds', 'running_oldest_seconds']) {
    expect(of(all, gauge, { kind: 'nobody' })).toBeGreaterThanOrEqual(7200);
    expect(of(all, gauge, { kind: 'nobody' })).toBeLessThan(7800);
  }
  expect(of(all, 'outbox', { sender: 'gone', state: 'dead' })).toBe(1);
  expect(of(all, 'outbox', { sender: 'late', state: 'pending' })).toBe(1);
  expect(of(all, 'outbox_oldest_seconds', { sender: 'late' })).toBeGreaterThanOrEqual(7200);
  // A paused job waits because it is told to.
  await gateway.query(`UPDATE magnetodb_backup.jobs SET paused = true WHERE kind = 'nobody'`);
  await untilSaid((now) => of(now, 'queue_oldest_seconds', { kind: 'nobody' }) === undefined, 'a paused job counts as waiting');
});

describe('what monitoring/ holds', () => {
  /** Names that may be asked for, with the suffixes of histograms. */
  async function served(): Promise<Set<string>> {
    const registry = new Registry();
    collectDefaultMetrics({ register: registry });
    const all = readSamples((await text()) + (await registry.metrics()));
    return new Set(all.map(({ name }) => name));
  }

  /** The metrics that an expression of PromQL asks for: words that are neither functions nor labels. */
  const metricsOf = (expression: string): string[] =>
    [...expression.replaceAll(/\{[^}]*\}|\[[^\]]*\]|\b(?:by|without) \([^)]*\)/g, ' ').matchAll(/[a-z_][a-z0-9_]*(?![a-z0-9_]*\s*\()/g)].map(([word]) => word);

  /** Labels that an expression names for a metric. */
  const labelsOf = (expression: string): [string, string[]][] =>
    [...expression.matchAll(/([a-z_][a-z0-9_]*)\{([^}]*)\}/g)].map(([, metric = '', selectors = '']) => [
      metric,
      [...selectors.matchAll(/([a-z_]+)\s*(?:=~|!~|!=|=)/g)].map(([, label = '']) => label),
    ]);

  async function expectToBeServed(expressions: readonly string[]): Promise<void> {
    expect(expressions.length).toBeGreaterThan(10);
    const names = await served();
    const all = readSamples(await text());
    for (const expression of expressions) {
      const metrics = metricsOf(expression);
      expect(metrics).not.toEqual([]);
      for (const metric of metrics) expect([...names]).toContain(metric);
      for (const [metric, labels] of labelsOf(expression)) {
        const known = new Set(all.filter(({ name }) => name === metric).flatMap(({ labels: said }) => Object.keys(said)));
        for (const label of labels) expect([...known]).toContain(label);
      }
    }
  }

  it('alert rules: each asks for what there is, and says what to do', async () => {
    const { groups } = load(readFileSync('monitoring/alerts.yml', 'utf8')) as { groups: { rules: Record<string, unknown>[] }[] };
    const rules = groups.flatMap((group) => group.rules);
    await expectToBeServed(rules.map((rule) => String(rule['expr'])));
    expect(new Set(rules.map((rule) => rule['alert'])).size).toBe(rules.length);
    for (const rule of rules) {
      expect(rule).toMatchObject({
        alert: expect.stringMatching(/^Magnetodb[A-Z][A-Za-z]+$/),
        labels: { severity: expect.stringMatching(/^(warning|critical)$/) },
        annotations: { summary: expect.stringMatching(/\.$/), description: expect.stringMatching(/[.?]$/) },
      });
    }
  });

  it('a dashboard: each panel asks for what there is, and has a place of its own', async () => {
    interface Panel {
      readonly id: number;
      readonly type: string;
      readonly title: string;
      readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
      readonly targets?: readonly { readonly expr: string; readonly datasource: unknown }[];
    }
    const dashboard = JSON.parse(readFileSync('monitoring/grafana-dashboard.json', 'utf8')) as { panels: Panel[]; schemaVersion: number; templating: { list: { name: string }[] } };
    expect(dashboard.templating.list.map(({ name }) => name)).toEqual(['datasource']);
    const { panels } = dashboard;
    const targets = panels.flatMap((panel) => panel.targets ?? []);
    await expectToBeServed(targets.map(({ expr }) => expr));
    for (const { datasource } of targets) expect(datasource).toEqual({ type: 'prometheus', uid: '${datasource}' });
    expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
    const taken = new Set<string>();
    for (const { gridPos, title, type, targets: asked } of panels) {
      expect(title).not.toBe('');
      expect(asked?.length ?? 0).toBeGreaterThan(type === 'row' ? -1 : 0);
      for (let x = gridPos.x; x < gridPos.x + gridPos.w; x += 1) {
        for (let y = gridPos.y; y < gridPos.y + gridPos.h; y += 1) {
          expect(x < 24 && !taken.has(`${x},${y}`)).toBe(true);
          taken.add(`${x},${y}`);
        }
      }
    }
  });

  it('docs/metrics.md names each of our metrics, with its labels', async () => {
    const documented = new Map(
      [...readFileSync('docs/metrics.md', 'utf8').matchAll(/^\| `(magnetodb_[a-z_]+)` \| (\w+)[^|]*\|([^|]*)\|/gm)].map(([, name = '', type, labels = '']) => [
        name,
        { type, labels: [...labels.matchAll(/`([a-z]+)`/g)].map(([, label]) => label).sort() },
      ]),
    );
    const shown = await text();
    const described = new Map([...shown.matchAll(/^# TYPE (magnetodb_\S+) (\w+)$/gm)].map(([, name = '', type]) => [name, type]));
    expect([...documented.keys()].sort()).toEqual([...described.keys()].sort());
    const all = readSamples(shown);
    const [, list = ''] = /^Kinds of jobs: ([^.]*(?:\.[^ ][^.]*)*)\. /m.exec(readFileSync('docs/metrics.md', 'utf8')) ?? [];
    const kinds = all.filter(({ name }) => name === `${PREFIX}cleanup_failures_total`).map(({ labels }) => labels['kind']);
    expect([...list.matchAll(/`([^`]+)`/g)].map(([, kind]) => kind).sort()).toEqual(kinds.sort());
    for (const [name, { type, labels }] of documented) {
      expect({ name, type }).toEqual({ name, type: described.get(name) });
      const sample = all.find((each) => each.name === name || each.name === `${name}_sum`);
      expect({ name, labels: Object.keys(sample?.labels ?? {}).sort() }).toEqual({ name, labels });
    }
  });
});

it('counts the tables that are locked', async () => {
  const table = await makeTable(gateway.backend, 0);
  expect(of(await samples(), 'locked_tables')).toBe(0);
  await gateway.backend.lock({ projectId: 'demo', name: table }, { owner: 'a test', seconds: 60 });
  await untilSaid((now) => of(now, 'locked_tables') === 1, 'the lock is not counted');
  await gateway.backend.unlock({ projectId: 'demo', name: table }, 'a test');
  gateway.before('lockedTables', () => Promise.reject(new Error('away')));
  await untilSaid((now) => of(now, 'locked_tables') === undefined, 'an old number is shown while the backend is away');
});

it('answers without the gauges of the job database while that is away, and says so', async () => {
  await gateway.query('ALTER TABLE magnetodb_backup.jobs RENAME TO jobs_away');
  try {
    const all = await untilSaid((now) => of(now, 'job_database_up') === 0, 'the outage is not said');
    expect(of(all, 'jobs', { kind: 'restore.whole', state: 'failed' })).toBeUndefined();
    expect(of(all, 'stored_bytes')).toBeUndefined();
    expect(of(all, 'items_total', { kind: 'restore.whole' })).toBeGreaterThan(0);
  } finally {
    await gateway.query('ALTER TABLE magnetodb_backup.jobs_away RENAME TO jobs');
  }
  await untilSaid((now) => of(now, 'job_database_up') === 1, 'the job database does not come back');
});
