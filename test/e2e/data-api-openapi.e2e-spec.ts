import { DocumentBuilder, OpenAPIObject, SwaggerModule } from '@nestjs/swagger';
import Ajv from 'ajv';
import { CALLS } from '../../src/gateway/data/openapi-calls';
import { Answer, DataApiClient, DataApiServer, JsonObject, startDataApi } from './data-api-server';

interface Operation {
  readonly operationId: string;
  readonly parameters: { readonly name: string; readonly in: string; readonly schema: JsonObject }[];
  readonly requestBody?: {
    readonly content: Record<
      string,
      { readonly schema: object; readonly examples: { readonly sample: { readonly value: unknown } } }
    >;
  };
  readonly responses: Record<string, { readonly content?: Record<string, { readonly schema: object }> }>;
}

/** The contract's table of calls, in an order in which the examples work one after another. */
const ROUTES: [keyof typeof CALLS, 'post' | 'get' | 'delete', string, number[]][] = [
  ['create_table', 'post', 'tables', [400, 413]],
  ['list_tables', 'get', 'tables', [400]],
  ['describe_table', 'get', 'tables/{table}', [400, 404]],
  ['put_item', 'post', 'tables/{table}/put_item', [400, 404, 413, 423]],
  ['get_item', 'post', 'tables/{table}/get_item', [400, 404, 413, 423]],
  ['update_item', 'post', 'tables/{table}/update_item', [400, 404, 413, 423]],
  ['query', 'post', 'tables/{table}/query', [400, 404, 413, 423]],
  ['scan', 'post', 'tables/{table}/scan', [400, 404, 413, 423]],
  ['batch_get_item', 'post', 'batch_get_item', [400, 404, 413, 423]],
  ['batch_write_item', 'post', 'batch_write_item', [400, 404, 413, 423]],
  ['bulk_load', 'post', 'tables/{table}/bulk_load', [400, 404, 423]],
  ['delete_item', 'post', 'tables/{table}/delete_item', [400, 404, 413, 423]],
  ['delete_table', 'delete', 'tables/{table}', [400, 404, 413, 423]],
];
const ORDERS = ['/v1/data/{project_id}', '/v1/{project_id}/data'];
const EVERYWHERE = [401, 403, 429, 500, 503];

let server: DataApiServer;
let client: DataApiClient;
let document: OpenAPIObject;
const ajv = new Ajv({ strict: false, validateFormats: false });

beforeAll(async () => {
  server = await startDataApi();
  client = server.client();
  document = SwaggerModule.createDocument(server.app, new DocumentBuilder().build());
});
afterAll(() => server.stop());

function operation(path: string, method: string): Operation {
  const found: unknown = Reflect.get(document.paths[path] ?? {}, method);
  if (found === undefined) throw new Error(`The document has no ${method} ${path}`);
  return found as Operation;
}

it('has exactly the calls of the data API, in both orders of path segments', () => {
  const served = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => `${method} ${path}`),
  );
  const wanted = ORDERS.flatMap((order) => ROUTES.map(([, method, path]) => `${method} ${order}/${path}`));
  expect(served.filter((each) => each.includes('/data')).sort()).toEqual(wanted.sort());
  expect(served.filter((each) => !each.includes('/data')).sort()).toEqual([
    'get /healthcheck',
    'get /v1/monitoring/projects',
    'get /v1/monitoring/projects/{project_id}',
    'get /v1/monitoring/projects/{project_id}/tables/{table}',
  ]);
  expect(Object.keys(CALLS).sort()).toEqual(ROUTES.map(([name]) => name).sort());
});

it.each(ROUTES)('describes the statuses and parameters of %s', (_name, method, path, statuses) => {
  for (const order of ORDERS) {
    const { responses, parameters } = operation(`${order}/${path}`, method);
    expect(Object.keys(responses).map(Number).sort()).toEqual([200, ...statuses, ...EVERYWHERE].sort());
    const inPath = parameters.filter((each) => each.in === 'path');
    expect(inPath.map((each) => each.name)).toEqual(
      [...`${order}/${path}`.matchAll(/\{(\w+)\}/g)].map((match) => match[1]),
    );
    for (const each of inPath) expect(each.schema['example']).toEqual(expect.any(String));
  }
});

it.each([
  ['/v1/monitoring/projects', [400]],
  ['/v1/monitoring/projects/{project_id}', [400]],
  ['/v1/monitoring/projects/{project_id}/tables/{table}', [400, 404]],
] as const)('describes the statuses of %s', (path, statuses) => {
  const { responses } = operation(path, 'get');
  expect(Object.keys(responses).map(Number).sort()).toEqual([200, ...statuses, ...EVERYWHERE].sort());
});

it('gives every call an id of its own', () => {
  const ids = Object.values(document.paths).flatMap((methods) =>
    Object.values(methods as Record<string, Operation>).map((each) => each.operationId),
  );
  expect(new Set(ids).size).toBe(ids.length);
});

it('has examples that work one after another, and answers that fit their schemas', async () => {
  for (const [name, method, path] of ROUTES) {
    const { requestBody, responses } = operation(`${ORDERS[0]}/${path}`, method);
    const url = `${client.baseUrl}/${path.replace('{table}', 'Thread')}`;
    const [[type, content] = ['', undefined]] = Object.entries(requestBody?.content ?? {});
    let answer: Answer;
    if (content === undefined) {
      answer = await client.send(method.toUpperCase(), url);
    } else {
      const example = content.examples.sample.value;
      expect([name, ajv.validate(content.schema, example), ajv.errors]).toEqual([name, true, null]);
      const text = typeof example === 'string' ? example : JSON.stringify(example);
      answer = await client.send(method.toUpperCase(), url, text, { 'Content-Type': type });
    }
    expect([name, answer.status, answer.body]).toEqual([name, 200, expect.anything()]);
    const schema = responses['200']?.content?.['application/json']?.schema ?? {};
    expect([name, ajv.validate(schema, answer.body), ajv.errors]).toEqual([name, true, null]);
    // An example that finds nothing would show nothing.
    expect(JSON.stringify(answer.body)).not.toMatch(/"count":0|"responses":\{\}|"processed":0/);
  }
});
