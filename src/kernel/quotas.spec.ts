import { Quotas, parseProjectQuotas } from './quotas';

describe('quotas', () => {
  it('are those of every project, but for what is said of one; null lifts a limit', () => {
    const projects = parseProjectQuotas({ big: { max_backups: 100, requests_per_second: null }, __proto__x: { request_burst: 7 } });
    const quotas = new Quotas({ maxBackups: 3, maxBackupBytes: 10, requestsPerSecond: 5, projects });
    expect(quotas.of('demo')).toEqual({ maxBackups: 3, maxBackupBytes: 10, requestsPerSecond: 5 });
    expect(quotas.of('big')).toEqual({ maxBackups: 100, maxBackupBytes: 10 });
    expect(quotas.of('constructor')).toEqual(quotas.of('demo'));
    expect(new Quotas().of('demo')).toEqual({});
  });

  it.each([
    [[], /object of projects/],
    [{ demo: 5 }, /project demo must be an object/],
    [{ demo: { backups: 5 } }, /unknown key "backups"/],
    [{ demo: { toString: 5 } }, /unknown key "toString"/],
    [{ demo: { max_backups: 0 } }, /max_backups of project demo/],
    [{ demo: { max_backup_bytes: '1 GB' } }, /max_backup_bytes/],
    [{ demo: { request_burst: 1.5 } }, /request_burst/],
  ])('that cannot be are refused at the start: %j', (json, message) => {
    expect(() => parseProjectQuotas(json)).toThrow(message);
  });

  it('of a host are checked, too', () => {
    expect(() => new Quotas({ maxBackups: 0 })).toThrow(/maxBackups/);
    expect(() => new Quotas({ projects: { demo: { requestBurst: -1 } } })).toThrow(/requestBurst/);
  });
});
