import { readFileSync } from 'node:fs';
import { QueryFailedError } from 'typeorm';
import { DomainError } from '../kernel';
import { PRODUCT_VERSION, createLogger } from '.';

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

  it('names the version that package.json has', () => {
    const description = JSON.parse(readFileSync('package.json', 'utf8')) as { name: string; version: string };
    expect(PRODUCT_VERSION).toBe(`${description.name}/${description.version}`);
  });
});
