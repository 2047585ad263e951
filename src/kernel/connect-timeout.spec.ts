import { createDataSource } from '../database/data-source';
import { resolveOptions } from '../tables/postgres/options';
import { connectTimeoutOf } from './connect-timeout';

describe('connectTimeoutOf', () => {
  it.each([
    ['postgres://u:p@host/db?connect_timeout=60', 60_000],
    ['postgres://u:p@host/db?sslmode=require&connect_timeout=1', 1000],
    ['postgres://u:p@host/db', undefined],
    ['postgres://u:p@host/db?connect_timeout=0', undefined],
    ['postgres://u:p@host/db?connect_timeout=-5', undefined],
    ['postgres://u:p@host/db?connect_timeout=soon', undefined],
    ['no url', undefined],
  ])('takes of %s %p', (url, millis) => expect(connectTimeoutOf(url)).toBe(millis));

  it.each([
    ['?connect_timeout=7', 7000, 7000],
    ['', 10_000, 5000],
  ])('decides about jobs and tables: %j', (parameters, jobs, tables) => {
    const url = `postgres://u:p@host/db${parameters}`;
    expect(createDataSource({ url, entities: [] }).options).toMatchObject({ extra: { connectionTimeoutMillis: jobs } });
    expect(resolveOptions({ connectionString: url }).connectTimeoutMillis).toBe(tables);
    expect(resolveOptions({ connectionString: url, connectTimeoutMillis: 3 }).connectTimeoutMillis).toBe(3);
  });
});
