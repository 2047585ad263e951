import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { AddressInfo } from 'node:net';
import pinoHttp from 'pino-http';
import { QueryFailedError } from 'typeorm';
import { DomainError } from '../kernel';
import { PRODUCT_VERSION, createLogger, httpLoggerOptions } from '.';

function logged(write: (logger: ReturnType<typeof createLogger>) => void): string {
  let text = '';
  write(createLogger('info', { write: (line: string) => void (text += line) }));
  return text;
}

describe('telemetry', () => {
  it('never prints tokens, passwords or credentials, nested or not', () => {
    const text = logged((logger) => {
      logger.info({ token: 'se-cret-1', req: { headers: { authorization: 'Bearer se-cret-2', 'x-auth-token': 'se-cret-3' } } }, 'a');
      logger.info({ headers: { cookie: 'se-cret-4', 'set-cookie': 'se-cret-5' }, strategy: { credentials: { key: 'se-cret-6' } } }, 'b');
      logger.info({ passphrase: 'se-cret-7', 'x-auth-token': 'se-cret-8' }, 'c');
    });
    expect(text).not.toContain('se-cret');
    expect(text.match(/\*\*\*/g)).toHaveLength(8);
  });

  it('logs what went wrong and why, but no query, no parameters and no data', () => {
    const driverError = Object.assign(new Error('invalid input "my item"'), { code: '22P02', severity: 'ERROR', detail: 'my item' });
    const failed = new QueryFailedError('INSERT INTO private_table VALUES ($1)', ['my item'], driverError);
    const text = logged((logger) => logger.error({ err: new DomainError('InternalError', 'it broke', { cause: failed }) }, 'failed'));
    const line = JSON.parse(text) as { level: string; err: { code: string; message: string; cause: { type: string; code: string } } };
    expect(line).toMatchObject({ level: 'error', err: { code: 'InternalError', message: 'it broke', cause: { type: 'QueryFailedError', code: '22P02' } } });
    expect(text).not.toContain('my item');
    expect(text).not.toContain('private_table');
  });

  it('logs an error of a request as any other', async () => {
    let text = '';
    const logger = createLogger('info', { write: (line: string) => void (text += line) });
    const options = httpLoggerOptions(logger, () => 'req-1');
    const server = createServer((request, response) => {
      pinoHttp(options)(request, response);
      const error = new Error('it broke');
      error.stack = `Error: it broke\n    at first (a.js:1:1)\ncaused by: Error 54011\n    at second (b.js:1:1)`;
      request.log.error({ err: error });
      response.end();
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    await (await fetch(`http://127.0.0.1:${port}/path?token=se-cret`)).text();
    server.close();
    const [line = ''] = text.split('\n');
    expect(JSON.parse(line)).toMatchObject({
      level: 'error',
      err: { type: 'Error', message: 'it broke', stack: ['at first (a.js:1:1)', 'caused by: Error 54011', 'at second (b.js:1:1)'] },
    });
    expect(text).toContain('"path":"/path"');
    expect(text).not.toContain('se-cret');
  });

  it('names the version that package.json has', () => {
    const description = JSON.parse(readFileSync('package.json', 'utf8')) as { name: string; version: string };
    expect(PRODUCT_VERSION).toBe(`${description.name}/${description.version}`);
  });
});
