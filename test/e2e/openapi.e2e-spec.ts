import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Ajv from 'ajv';
import { RunningGateway, startGateway } from '../../src/gateway/start';
import { GatewaySettings } from '../../src/gateway/settings';
import { createTestDatabase, TestDatabase } from '../setup/database';
import { until } from '../setup/until';

type Json = Record<string, unknown>;
interface Operation {
  readonly operationId: string;
  readonly parameters?: readonly { name: string; in: string; required?: boolean; schema: Json }[];
  readonly requestBody?: { content: Record<string, { schema: Json; examples: Record<string, { value: Json }> }> };
  readonly responses: Record<string, { content?: Record<string, { schema: Json; example?: Json }> }>;
  readonly security?: readonly Json[];
}
interface Document {
  readonly paths: Record<string, Record<string, Operation>>;
  readonly components: { readonly schemas: Record<string, Json>; readonly securitySchemes: Record<string, Json> };
}

// -- The contract, typed here: not taken from the product ------------------------------------------------------

const EVERYWHERE = [401, 403, 429, 500, 503];
const LIST_QUERY = ['limit', 'status'];

/** Below each dialect's prefix: method, path, statuses beside those of every call, query parameters, keys of the body. */
const TABLE_CALLS: readonly (readonly [string, string, readonly number[], readonly string[], boolean])[] = [
  ['post', '/backups', [202, 400, 404, 409, 413, 423], [], true],
  ['get', '/backups', [200, 400], [...LIST_QUERY, 'exclusive_start_backup_id', 'name'], false],
  ['get', '/backups/{backup_id}', [200, 400, 404], [], false],
  ['patch', '/backups/{backup_id}', [200, 400, 404, 409], [], true],
  ['delete', '/backups/{backup_id}', [200, 400, 404, 409], ['purge', 'forget', 'cascade'], true],
  ['post', '/backups/{backup_id}/verify', [202, 400, 404, 409], [], true],
  ['post', '/restores', [200, 202, 400, 404, 409, 423], [], true],
  ['get', '/restores', [200, 400], [...LIST_QUERY, 'exclusive_start_restore_job_id'], false],
  ['get', '/restores/{restore_job_id}', [200, 400, 404], [], false],
  ['patch', '/restores/{restore_job_id}', [200, 400, 404, 409], [], true],
  ['delete', '/restores/{restore_job_id}', [200, 400, 404], [], false],
  ['get', '/settings', [200, 400, 404], [], false],
  ['patch', '/settings', [200, 400, 404], [], true],
];
const PROJECT_CALLS: typeof TABLE_CALLS = [
  ['get', '/backups', [200, 400], [...LIST_QUERY, 'exclusive_start_backup_id', 'name'], false],
  ['get', '/restores', [200, 400], [...LIST_QUERY, 'exclusive_start_restore_job_id'], false],
  ['post', '/backups/import', [200, 400, 404], [], true],
  ['post', '/backups/find', [200, 400, 404], [], true],
  ['get', '/jobs/watch', [200, 400], [], false],
  ['get', '/settings', [200, 400], [], false],
  ['patch', '/settings', [200, 400], [], true],
];
/** Of the deployment as a whole: for its administrators only, in no dialect. */
const DEPLOYMENT_CALLS: typeof TABLE_CALLS = [
  ['get', '/dead-letters', [200, 400], ['limit', 'exclusive_start_dead_letter_id', 'sender', 'project_id'], false],
  ['post', '/dead-letters/{dead_letter_id}/retry', [202, 400, 404, 409], [], false],
  ['delete', '/dead-letters/{dead_letter_id}', [200, 400, 404], [], false],
];
const DEPLOYMENT = '/v1/management/notifications';
const PREFIXES = {
  spec: { table: '/v1/{project_id}/management/{table}', project: '/v1/{project_id}/management', deployment: DEPLOYMENT },
  deployed: { table: '/v1/management/{project_id}/tables/{table}', project: '/v1/management/{project_id}', deployment: DEPLOYMENT },
};

const MORE_BACKUP =
  'delete_protection error paused rate_limit progress item_count size_bytes table_size_bytes format_version base_backup_id last_verified_at restorable verification locked_milliseconds';
const PART = 'select exclude_attributes';
const MORE_RESTORE = `error paused rate_limit progress format format_reason items_restored items_left_out ${PART}`;
const KEYS = {
  spec: {
    backup: `id name table_id table_name status start_datetime finish_datetime strategy links ${MORE_BACKUP}`,
    restore: `id backup_id table_id table_name status start_datetime finish_datetime source links ${MORE_RESTORE}`,
    createBackup: 'name strategy delete_protection client_request_token',
    createRestore: `id source on_existing format strategy dry_run client_request_token ${PART}`,
  },
  deployed: {
    backup: `backup_id backup_name table_name table_id status start_date_time finish_date_time strategy location links ${MORE_BACKUP}`,
    restore: `restore_job_id backup_id table_name table_id status start_date_time finish_date_time source links ${MORE_RESTORE}`,
    createBackup: 'backup_name strategy delete_protection client_request_token',
    createRestore: `backup_id source on_existing format strategy dry_run client_request_token ${PART}`,
  },
};
const sorted = (text: string): string[] => text.split(' ').sort();

describe('the served OpenAPI document', () => {
  let database: TestDatabase;
  let folder: string;
  let gateway: RunningGateway;
  let document: Document;

  beforeAll(async () => {
    database = await createTestDatabase();
    folder = await mkdtemp(join(tmpdir(), 'openapi-'));
    const settings = Object.assign(new GatewaySettings(), {
      port: 0,
      dataDir: folder,
      databaseUrl: database.url,
      devTokens: 'demo-token=demo:member',
      logLevel: 'silent',
    });
    gateway = await startGateway(settings);
    const answer = await fetch(`${gateway.url}/openapi.json`);
    expect(answer.status).toBe(200);
    document = (await answer.json()) as Document;
  });
  afterAll(async () => {
    await gateway.stop();
    await database.drop();
    await rm(folder, { recursive: true, force: true });
  });

  function operation(method: string, path: string): Operation {
    const found = document.paths[path]?.[method];
    if (found === undefined) throw new Error(`the document has no ${method} ${path}`);
    return found;
  }

  function schemaOf(reference: unknown): { properties: Record<string, Json>; required: string[] } {
    const name = /^#\/components\/schemas\/(\w+)$/.exec(String((reference as Json)['$ref']))?.[1] ?? '';
    return document.components.schemas[name] as { properties: Record<string, Json>; required: string[] };
  }

  function answerSchema(method: string, path: string, status: number): ReturnType<typeof schemaOf> {
    return schemaOf(operation(method, path).responses[String(status)]?.content?.['application/json']?.schema);
  }

  const calls = (['spec', 'deployed'] as const).flatMap((dialect) => [
    ...TABLE_CALLS.map((call) => [dialect, 'table' as const, ...call] as const),
    ...PROJECT_CALLS.map((call) => [dialect, 'project' as const, ...call] as const),
    ...(dialect === 'spec' ? DEPLOYMENT_CALLS : []).map((call) => [dialect, 'deployment' as const, ...call] as const),
  ]);

  it('has exactly the management calls of the contract', () => {
    const managed = Object.entries(document.paths).flatMap(([path, methods]) =>
      path.includes('/management') ? Object.keys(methods).map((method) => `${method} ${path}`) : [],
    );
    expect(managed.sort()).toEqual(
      calls.map(([dialect, scope, method, path]) => `${method} ${PREFIXES[dialect][scope]}${path}`).sort(),
    );
  });

  it.each(calls)(
    '%s %s: %s %s answers with the statuses of the contract',
    (dialect, scope, method, path, statuses, query, hasBody) => {
      const found = operation(method, PREFIXES[dialect][scope] + path);
      expect(Object.keys(found.responses).map(Number).sort()).toEqual([...statuses, ...EVERYWHERE].sort());
      for (const [status, response] of Object.entries(found.responses)) {
        const lines = path === '/jobs/watch' && Number(status) === 200;
        const schema = response.content?.[lines ? 'application/x-ndjson' : 'application/json']?.schema;
        if (Number(status) >= 400) {
          expect(schema).toEqual({ $ref: '#/components/schemas/Error' });
          expect(response.content?.['application/json']?.example).toMatchObject({ code: Number(status), error: { traceback: null } });
        }
        else expect(schemaOf(schema)).toBeDefined();
      }
      const parameters = found.parameters ?? [];
      expect(
        parameters
          .filter((each) => each.in === 'query')
          .map((each) => each.name)
          .sort(),
      ).toEqual([...query].sort());
      const inPath = [...(PREFIXES[dialect][scope] + path).matchAll(/\{(\w+)\}/g)].map((match) => match[1]);
      expect(
        parameters
          .filter((each) => each.in === 'path')
          .map((each) => each.name)
          .sort(),
      ).toEqual(inPath.sort());
      for (const each of parameters) if (each.in === 'path') expect(each.schema['example']).toEqual(expect.any(String));
      expect(found.requestBody !== undefined).toBe(hasBody);
      expect(found.security).toEqual(expect.arrayContaining([{ 'x-auth-token': [] }, { bearer: [] }]));
    },
  );

  it('knows both ways to give a token, and gives every call an id of its own', () => {
    expect(document.components.securitySchemes).toMatchObject({
      'x-auth-token': { type: 'apiKey', in: 'header', name: 'X-Auth-Token' },
      bearer: { type: 'http', scheme: 'bearer' },
    });
    const ids = Object.values(document.paths).flatMap((methods) =>
      Object.values(methods).map((each) => each.operationId),
    );
    expect(new Set(ids).size).toBe(ids.length);
  });

  it.each(['spec', 'deployed'] as const)('names the keys of the %s dialect', (dialect) => {
    const { table, project } = PREFIXES[dialect];
    const keys = KEYS[dialect];
    const backup = sorted(keys.backup);
    for (const [method, path, status] of [
      ['post', '/backups', 202],
      ['get', '/backups/{backup_id}', 200],
      ['patch', '/backups/{backup_id}', 200],
      ['delete', '/backups/{backup_id}', 200],
    ] as const) {
      expect(Object.keys(answerSchema(method, table + path, status).properties).sort()).toEqual(backup);
    }
    expect(Object.keys(answerSchema('post', `${project}/backups/import`, 200).properties).sort()).toEqual(backup);
    for (const [method, path, status] of [
      ['post', '/restores', 202],
      ['get', '/restores/{restore_job_id}', 200],
      ['patch', '/restores/{restore_job_id}', 200],
      ['delete', '/restores/{restore_job_id}', 200],
    ] as const) {
      expect(Object.keys(answerSchema(method, table + path, status).properties).sort()).toEqual(sorted(keys.restore));
    }
    for (const prefix of [table, project]) {
      expect(Object.keys(answerSchema('get', `${prefix}/backups`, 200).properties)).toEqual([
        'backups',
        'last_evaluated_backup_id',
      ]);
      expect(Object.keys(answerSchema('get', `${prefix}/restores`, 200).properties)).toEqual([
        'restore_jobs',
        'last_evaluated_restore_job_id',
      ]);
    }
    const plan = answerSchema('post', `${table}/restores`, 200).properties['plan'];
    expect(Object.keys(schemaOf(plan).properties).sort()).toEqual(
      sorted(`table item_count size_bytes chain format format_reason on_existing partial conflict ${PART}`),
    );
    const body = (method: string, path: string): ReturnType<typeof schemaOf> =>
      schemaOf(operation(method, path).requestBody?.content['application/json']?.schema);
    expect(Object.keys(body('post', `${table}/backups`).properties).sort()).toEqual(sorted(keys.createBackup));
    expect(Object.keys(body('post', `${table}/restores`).properties).sort()).toEqual(sorted(keys.createRestore));
    expect(Object.keys(body('patch', `${table}/backups/{backup_id}`).properties).sort()).toEqual([
      'delete_protection',
      'paused',
      'rate_limit',
    ]);
    expect(Object.keys(body('post', `${project}/backups/import`).properties).sort()).toEqual(['adopt', 'source', 'strategy']);
  });

  it('names the keys of errors and progress', () => {
    const { schemas } = document.components;
    const keysOf = (name: string): string[] => Object.keys((schemas[name] as { properties: Json }).properties);
    expect(keysOf('Error')).toEqual(['code', 'title', 'explanation', 'error']);
    expect(keysOf('ErrorDetail')).toEqual(['message', 'type', 'traceback']);
    expect(keysOf('Progress')).toEqual([
      'phase',
      'items_done',
      'items_total_estimate',
      'bytes_done',
      'ranges_done',
      'ranges_total',
      'started_at',
      'eta_seconds',
    ]);
    expect(keysOf('JobError')).toEqual(['type', 'message']);
  });

  it.each(['spec', 'deployed'] as const)(
    'describes what the %s dialect really answers, and has examples that work',
    async (dialect) => {
      const validate = validator(document);
      const send = async (method: string, url: string, body?: unknown): Promise<{ status: number; body: Json }> => {
        const headers = {
          'X-Auth-Token': 'demo-token',
          ...(body === undefined ? {} : { 'Content-Type': 'application/json' }),
        };
        const answer = await fetch(gateway.url + url, {
          method,
          headers,
          ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        });
        return { status: answer.status, body: (await answer.json()) as Json };
      };
      /** Sends a call as Swagger UI would: the examples of the document in path and body, unless others are given. */
      const call = async (
        method: string,
        path: string,
        given: Record<string, string> = {},
        body?: unknown,
      ): Promise<{ status: number; body: Json }> => {
        const described = operation(method, path);
        const url = path.replace(
          /\{(\w+)\}/g,
          (_all, name: string) =>
            given[name] ?? String(described.parameters?.find((each) => each.name === name)?.schema['example']),
        );
        const answer = await send(method.toUpperCase(), url, body);
        const schema = described.responses[String(answer.status)]?.content?.['application/json']?.schema;
        expect({
          method,
          url,
          status: answer.status,
          body: answer.body,
          errors: validate(schema, answer.body),
        }).toMatchObject({ errors: [] });
        return answer;
      };
      const examples = (method: string, path: string): Record<string, { value: Json }> =>
        operation(method, path).requestBody?.content['application/json']?.examples ?? {};
      const { table, project } = PREFIXES[dialect];
      const id = dialect === 'spec' ? 'id' : 'backup_id';
      const restoreId = dialect === 'spec' ? 'id' : 'restore_job_id';

      const createTable =
        operation('post', '/v1/data/{project_id}/tables').requestBody?.content['application/json']?.examples ?? {};
      const tableExample = Object.values(createTable)[0]?.value ?? {};
      await send('POST', '/v1/data/demo/tables', tableExample);
      for (const example of Object.values(examples('post', `${table}/backups`))) {
        const made = await call('post', `${table}/backups`, {}, example.value);
        expect(made.status).toBe(202);
        const given = { backup_id: String(made.body[id]) };
        const finished = await until(async () => {
          const answer = await call('get', `${table}/backups/{backup_id}`, given);
          return answer.body['status'] === 'CREATING' ? undefined : answer;
        });
        expect(finished.body).toMatchObject({ status: 'CREATED' });
        for (const change of Object.values(examples('patch', `${table}/backups/{backup_id}`))) {
          // Of a finished backup only its protection can be changed; the last example takes it away again.
          const status = 'delete_protection' in change.value ? 200 : 409;
          expect((await call('patch', `${table}/backups/{backup_id}`, given, change.value)).status).toBe(status);
        }
        const plan = await call('post', `${table}/restores`, {}, { [id]: made.body[id], dry_run: true });
        expect(plan.status).toBe(200);
        const restore = await call(
          'post',
          `${table}/restores`,
          { table: `copy_${dialect}` },
          { [id]: made.body[id], on_existing: 'replace' },
        );
        expect(restore.status).toBe(202);
        const job = { table: `copy_${dialect}`, restore_job_id: String(restore.body[restoreId]) };
        await until(
          async () => (await call('get', `${table}/restores/{restore_job_id}`, job)).body['status'] !== 'RESTORING',
        );
        const links = made.body['links'] as { rel: string; href: string }[];
        const imported = await call(
          'post',
          `${project}/backups/import`,
          {},
          { source: links.find(({ rel }) => rel === 'location')?.href },
        );
        expect(imported.status).toBe(200);
        expect((await call('delete', `${table}/restores/{restore_job_id}`, job)).status).toBe(200);
        expect((await call('delete', `${table}/backups/{backup_id}`, given)).status).toBe(200);
      }
      for (const settings of [`${table}/settings`, `${project}/settings`]) {
        expect((await call('get', settings)).status).toBe(200);
        // The last example takes the setting back.
        for (const { value } of Object.values(examples('patch', settings))) expect((await call('patch', settings, {}, value)).status).toBe(200);
      }
      for (const prefix of [table, project])
        for (const list of ['/backups', '/restores']) expect((await call('get', prefix + list)).status).toBe(200);
      // The example of an id is of no backup that is there, and says so; a body that names one likewise.
      expect((await call('get', `${table}/backups/{backup_id}`)).status).toBe(404);
      expect((await call('get', `${table}/restores/{restore_job_id}`)).status).toBe(404);
      const byId = Object.values(examples('post', `${table}/restores`)).filter(({ value }) => id in value);
      expect(byId.length).toBeGreaterThan(0);
      for (const { value } of byId) expect((await call('post', `${table}/restores`, {}, value)).status).toBe(404);
    },
  );
});

/** Checks values against the document's schemas, whose objects may then have no key that is not described. */
function validator(document: Document): (schema: Json | undefined, value: unknown) => unknown[] {
  const ajv = new Ajv({ strict: false, validateFormats: false, allErrors: true });
  const closed = Object.fromEntries(
    Object.entries(document.components.schemas).map(([name, schema]) => [
      name,
      'properties' in schema ? { additionalProperties: false, ...schema } : schema,
    ]),
  );
  ajv.addSchema({ $id: 'document', components: { schemas: closed } });
  return (schema, value) => {
    if (schema === undefined) return ['the status is not described'];
    const check = ajv.compile({ $ref: `document${String(schema['$ref'])}` });
    return check(value) ? [] : (check.errors ?? []);
  };
}
