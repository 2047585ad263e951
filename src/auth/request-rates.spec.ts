import { DomainError, Quotas } from '../kernel';
import { Identity } from './identity';
import { RequestRates } from './request-rates';

const who = (projectId: string | undefined, userId = 'u'): Identity => ({ userId, projectId, roles: [], systemScoped: projectId === undefined, expiresAt: undefined });

describe('the rate of requests', () => {
  let now = 0;
  const rates = (quotas: ConstructorParameters<typeof Quotas>[0]): RequestRates => new RequestRates(new Quotas(quotas), () => now);
  beforeEach(() => (now = 1000));

  /** How many of so many calls are let through. */
  function through(limiter: RequestRates, calls: number, identity = who('demo'), rule: Parameters<RequestRates['take']>[1] = 'backup:list'): number {
    let let_in = 0;
    for (let call = 0; call < calls; call += 1) {
      try {
        limiter.take(identity, rule);
        let_in += 1;
      } catch (error) {
        expect(error).toMatchObject({ code: 'RequestQuotaExceeded', transient: true });
      }
    }
    return let_in;
  }

  it('lets a burst through, then so many a second, and never saves up more than a burst', () => {
    const limiter = rates({ requestsPerSecond: 10, requestBurst: 3 });
    expect(through(limiter, 10)).toBe(3);
    now += 100;
    expect(through(limiter, 10)).toBe(1);
    now += 250;
    expect(through(limiter, 10)).toBe(2);
    now += 3_600_000;
    expect(through(limiter, 10)).toBe(3);
  });

  it('says when to come back, in whole seconds, and then lets in', () => {
    const limiter = rates({ requestsPerSecond: 1, requestBurst: 1 });
    through(limiter, 1);
    now += 200;
    let error: unknown;
    try {
      limiter.take(who('demo'), 'backup:list');
    } catch (thrown) {
      error = thrown;
    }
    const seconds = (error as DomainError).retryAfterSeconds ?? 0;
    expect(seconds).toBe(1);
    now += seconds * 1000;
    expect(through(limiter, 1)).toBe(1);
  });

  it('counts every project for itself, data calls apart, and a system-scoped token by its user', () => {
    const limiter = rates({ requestsPerSecond: 1, requestBurst: 2, dataRequestsPerSecond: 1, dataRequestBurst: 4 });
    expect(through(limiter, 9)).toBe(2);
    expect(through(limiter, 9, who('other'))).toBe(2);
    expect(through(limiter, 9, who('demo', 'another user'))).toBe(0);
    expect(through(limiter, 9, who('demo'), 'mdb:scan')).toBe(4);
    expect(through(limiter, 9, who(undefined, 'a'))).toBe(2);
    expect(through(limiter, 9, who(undefined, 'b'))).toBe(2);
  });

  it('has a burst of two seconds unless one is set, no limit unless one is set, and what is said of a project', () => {
    expect(through(rates({ requestsPerSecond: 5 }), 20)).toBe(10);
    expect(through(rates({ dataRequestsPerSecond: 5 }), 20)).toBe(20);
    const limiter = rates({ requestsPerSecond: 5, projects: { demo: { requestsPerSecond: null }, other: { requestBurst: 1 } } });
    expect(through(limiter, 20)).toBe(20);
    expect(through(limiter, 20, who('other'))).toBe(1);
  });

  it('forgets the projects that have not called in a while, and nobody else', () => {
    const limiter = rates({ requestsPerSecond: 1, requestBurst: 2 });
    for (let project = 0; project < 10_000; project += 1) through(limiter, 1, who(`p${project}`));
    now += 1000;
    through(limiter, 2, who('p0'));
    expect(through(limiter, 1, who('new'))).toBe(1);
    expect(through(limiter, 1, who('p0'))).toBe(0);
  });
});
