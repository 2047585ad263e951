import { Limiter } from './limiter';

const KIB = 1024;

describe('Limiter', () => {
  it('lets so many requests be on their way, and one more when one has ended', () => {
    const freed: string[] = [];
    const limiter = new Limiter(() => freed.push('freed'));
    const begin = (): boolean => {
      const { hasRoom } = limiter;
      if (hasRoom) limiter.begin();
      return hasRoom;
    };
    expect([limiter.countsRequests, begin()]).toEqual([false, true]);
    limiter.set({ requestsInFlight: 3 }, 1, 0);
    expect(limiter.countsRequests).toBe(true);
    // One is on its way since there was no limit.
    expect([begin(), begin(), begin()]).toEqual([true, true, false]);
    limiter.end();
    expect(freed).toEqual(['freed']);
    expect([begin(), begin()]).toEqual([true, false]);
  });

  it('takes its part of the requests where several processes share the job, one at least', () => {
    const limiter = new Limiter(() => undefined);
    const room = (limit: number, shares: number): number => {
      limiter.set({ requestsInFlight: limit }, shares, 0);
      let begun = 0;
      for (; limiter.hasRoom; begun++) limiter.begin();
      for (let each = 0; each < begun; each++) limiter.end();
      return begun;
    };
    expect([room(5, 1), room(5, 2), room(2, 3)]).toEqual([5, 2, 1]);
  });

  it.each([
    [undefined, 1, undefined],
    [64 * 100 * KIB, 1, 100 * KIB],
    [64 * 100 * KIB, 4, 25 * KIB],
    [1, 1, 16 * KIB],
    [1e12, 1, KIB * KIB],
  ])('has a request bring those bytes of a sixty-fourth of a second: %p a second in %p processes, %p', (bytesPerSecond, shares, bytes) => {
    const limiter = new Limiter(() => undefined);
    limiter.set(bytesPerSecond === undefined ? null : { bytesPerSecond }, shares, 0);
    expect(limiter.requestBytes).toBe(bytes);
  });
});
