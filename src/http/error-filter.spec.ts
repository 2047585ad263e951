import {
  BadRequestException,
  Body,
  Controller,
  Get,
  INestApplication,
  LoggerService,
  Module,
  Post,
  Res,
} from '@nestjs/common';
import { APP_FILTER, APP_INTERCEPTOR } from '@nestjs/core';
import { NestExpressApplication } from '@nestjs/platform-express';
import { FastifyAdapter, NestFastifyApplication } from '@nestjs/platform-fastify';
import { Test } from '@nestjs/testing';
import { request as httpRequest } from 'node:http';
import { DomainError, ERROR_CODES, ErrorCode } from '../kernel';
import { publicType, statusOf } from './error-body';
import { ErrorFilter } from './error-filter';
import { fastifyServerOptions } from './fastify-options';
import { HttpModule } from './http.module';
import { RequestIdInterceptor } from './request-id';

const BODY_LIMIT = 4096;
const SECRET = 'very-secret-value';

let thrown: unknown;

@Controller(['things', 'v1/:project_id/things'])
class ThingsController {
  @Get(':id')
  get(): string {
    throw thrown;
  }
  @Get()
  list(): { ok: true } {
    return { ok: true };
  }
  @Post()
  create(@Body() body: unknown): unknown {
    return body ?? null;
  }
  @Get(':id/stream')
  stream(@Res() response: { raw?: NodeJS.WritableStream } & NodeJS.WritableStream): void {
    (response.raw ?? response).write('half an');
    throw new Error('the disk fell off');
  }
}

@Module({
  imports: [HttpModule],
  controllers: [ThingsController],
  providers: [
    { provide: APP_FILTER, useExisting: ErrorFilter },
    { provide: APP_INTERCEPTOR, useExisting: RequestIdInterceptor },
  ],
})
class ThingsModule {}

const platforms: [string, (logger: LoggerService) => Promise<INestApplication>][] = [
  [
    'Fastify',
    async (logger) => {
      const module = await Test.createTestingModule({ imports: [ThingsModule] })
        .setLogger(logger)
        .compile();
      return module.createNestApplication<NestFastifyApplication>(new FastifyAdapter(fastifyServerOptions(BODY_LIMIT)));
    },
  ],
  [
    'Express',
    async (logger) => {
      const module = await Test.createTestingModule({ imports: [ThingsModule] })
        .setLogger(logger)
        .compile();
      const app = module.createNestApplication<NestExpressApplication>();
      app.useBodyParser('json', { limit: BODY_LIMIT });
      return app;
    },
  ],
];

describe.each(platforms)('ErrorFilter on %s', (_name, makeApp) => {
  let app: INestApplication;
  let base: string;
  const lines: string[] = [];
  const keep = (...parts: unknown[]): void => void lines.push(parts.map(String).join(' '));

  beforeAll(async () => {
    app = await makeApp({ log: () => undefined, error: keep, warn: keep });
    await app.listen(0, '127.0.0.1');
    base = await app.getUrl();
  });
  afterAll(() => app.close());
  beforeEach(() => lines.splice(0));

  async function failing(error: unknown): Promise<{ status: number; headers: Headers; body: unknown }> {
    thrown = error;
    const answer = await fetch(`${base}/things/1?access_token=${SECRET}`);
    return { status: answer.status, headers: answer.headers, body: await answer.json() };
  }

  it.each(ERROR_CODES)('answers %s in the one shape', async (code: ErrorCode) => {
    const { status, headers, body } = await failing(
      new DomainError(code, 'What happened.', { cause: new Error(SECRET) }),
    );
    const type = publicType(code);
    expect(status).toBe(statusOf(type));
    expect(body).toEqual({
      code: status,
      title: expect.stringMatching(/^[A-Z][A-Za-z ]+$/),
      explanation: expect.stringMatching(/^The .+\.$/),
      error: {
        message: type === 'InternalError' ? 'An internal error occurred.' : 'What happened.',
        type,
        traceback: null,
      },
    });
    expect(headers.get('content-type')).toBe('application/json; charset=utf-8');
    expect(headers.get('x-openstack-request-id')).toMatch(/^req-[0-9a-f-]{36}$/);
    expect(headers.has('www-authenticate')).toBe(status === 401);
  });

  it('says when to come back', async () => {
    const { headers } = await failing(new DomainError('TableLocked', 'Locked.', { retryAfterSeconds: 1.2 }));
    expect(headers.get('retry-after')).toBe('2');
  });

  it('shows nothing of an unforeseen error, and logs its stack under the request id, without the query', async () => {
    const { status, headers, body } = await failing(
      Object.assign(new Error('relation "x" failed', { cause: new Error('inner') }), { parameters: [SECRET] }),
    );
    expect(status).toBe(500);
    expect(JSON.stringify(body)).not.toContain('relation');
    const log = lines.join('\n');
    expect(log).toContain(headers.get('x-openstack-request-id'));
    expect(log).toContain('GET /things/1 answered 500');
    expect(log).toContain('relation "x" failed');
    expect(log).toContain('caused by: Error: inner');
    expect(log).not.toContain(SECRET);
  });

  it('logs the SQLSTATE of a database error, not its message, which may quote an item', async () => {
    const cause = Object.assign(new Error(`invalid input: "${SECRET}"`), { severity: 'ERROR', code: '54011' });
    await failing(new DomainError('InternalError', 'It broke.', { cause }));
    const log = lines.join('\n');
    expect(log).toContain('caused by: Error 54011\n    at ');
    expect(log).not.toContain(SECRET);
  });

  it.each([['a string'], [undefined], [null], [{ status: 200 }]])('answers 500 to a thrown %p', async (value) => {
    expect((await failing(value)).status).toBe(500);
  });

  it("passes on a ValidationPipe's list, but no other message of the platform", async () => {
    expect(await failing(new BadRequestException(['name must be a string', 'x should not exist']))).toMatchObject({
      status: 400,
      body: { error: { type: 'ValidationError', message: 'name must be a string; x should not exist' } },
    });
    expect(JSON.stringify((await failing(new BadRequestException(`near "${SECRET}"`))).body)).not.toContain(SECRET);
  });

  it('answers an unknown path with 404, and a known one with another method with 405 and Allow', async () => {
    const unknown = await fetch(`${base}/nothing/${SECRET}`);
    expect(unknown.status).toBe(404);
    expect(await unknown.text()).toMatch(/"type":"NotFound"/);
    const wrong = await fetch(`${base}/v1/demo/things`, { method: 'DELETE' });
    expect(wrong.status).toBe(405);
    expect(wrong.headers.get('allow')).toBe('GET, HEAD, POST');
    expect(await wrong.json()).toMatchObject({
      code: 405,
      title: 'Method Not Allowed',
      error: { type: 'MethodNotAllowed' },
    });
  });

  const post = (body: string, type = 'application/json'): Promise<Response> =>
    fetch(`${base}/things`, { method: 'POST', body, headers: { 'content-type': type } });

  it.each(['{', `{"a": ${SECRET}}`, '"\u0000', '{"a":1}}'])(
    'answers malformed JSON %p with 400 and does not quote it',
    async (body) => {
      const answer = await post(body);
      expect(answer.status).toBe(400);
      const text = await answer.text();
      expect(JSON.parse(text)).toMatchObject({ code: 400, error: { type: 'ValidationError' } });
      expect(text).not.toContain(SECRET);
    },
  );

  it('answers a body over the limit with 413', async () => {
    const answer = await post(JSON.stringify('x'.repeat(BODY_LIMIT)));
    expect(answer.status).toBe(413);
    expect(await answer.json()).toMatchObject({
      code: 413,
      title: 'Request Entity Too Large',
      error: { type: 'RequestTooLarge' },
    });
  });

  it('lets __proto__ pass as a plain key of a body', async () => {
    const answer = await post('{"__proto__":{"polluted":1},"constructor":{"prototype":2}}');
    expect(await answer.text()).toBe('{"__proto__":{"polluted":1},"constructor":{"prototype":2}}');
    expect(({} as { polluted?: number }).polluted).toBeUndefined();
  });

  it.each(['/things/%zz', '/things/%FF', '/v1/%C0%AE/things/1'])(
    'answers the malformed path %s with 400 or 404 in the one shape',
    async (path) => {
      thrown = new DomainError('NotFound', 'Nothing.');
      const answer = await raw(base, path);
      expect([400, 404]).toContain(answer.status);
      expect(JSON.parse(answer.text)).toMatchObject({ code: answer.status, error: { traceback: null } });
    },
  );

  it('puts the request id on good answers, and never takes a client’s', async () => {
    const answer = await fetch(`${base}/things`, { headers: { 'x-openstack-request-id': 'req-forged' } });
    expect(answer.status).toBe(200);
    expect(answer.headers.get('x-openstack-request-id')).toMatch(/^req-[0-9a-f-]{36}$/);
  });

  it('breaks off an answer that fails half way', async () => {
    await expect(fetch(`${base}/things/1/stream`).then((answer) => answer.text())).rejects.toThrow();
    expect(lines.join('\n')).toContain('the disk fell off');
  });
});

/** A GET whose path reaches the server as it is written: fetch would normalise it. */
function raw(base: string, path: string): Promise<{ status: number; text: string }> {
  const { hostname, port } = new URL(base);
  return new Promise((resolve, reject) => {
    const request = httpRequest({ hostname, port, path, agent: false }, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => (text += chunk));
      response.on('end', () => resolve({ status: response.statusCode ?? 0, text }));
    });
    request.on('error', reject);
    request.end();
  });
}
