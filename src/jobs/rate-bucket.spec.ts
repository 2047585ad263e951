import { RateBucket } from './rate-bucket';

describe('RateBucket', () => {
  it('lets a block pass and has the next wait off what it took', () => {
    const bucket = new RateBucket();
    bucket.set({ bytesPerSecond: 100 }, 1, 0);
    expect(bucket.delay(0)).toBe(0);
    bucket.take({ bytes: 250, items: 9 }, 0);
    expect(bucket.delay(0)).toBe(2500);
    expect(bucket.delay(2000)).toBe(500);
    expect(bucket.delay(9000)).toBe(0);
    bucket.take({ bytes: 100, items: 0 }, 9000);
    // Idle time was not saved up.
    expect(bucket.delay(9000)).toBe(1000);
  });

  it('waits for whichever of both limits is slower, and knows none without limits', () => {
    const bucket = new RateBucket();
    bucket.take({ bytes: 1e12, items: 1e12 }, 0);
    expect(bucket.delay(0)).toBe(0);
    bucket.set({ bytesPerSecond: 1000, itemsPerSecond: 1 }, 1, 0);
    bucket.take({ bytes: 1000, items: 3 }, 0);
    expect(bucket.delay(0)).toBe(3000);
  });

  it('takes its part of the limit where several processes share the job', () => {
    const bucket = new RateBucket();
    bucket.set({ bytesPerSecond: 100 }, 4, 0);
    bucket.take({ bytes: 100, items: 1 }, 0);
    expect(bucket.delay(0)).toBe(4000);
    bucket.set({ bytesPerSecond: 100 }, 1, 2000);
    expect(bucket.delay(2000)).toBe(500);
  });

  it('forgives the debt of an old limit', () => {
    const bucket = new RateBucket();
    bucket.set({ bytesPerSecond: 1 }, 1, 0);
    bucket.take({ bytes: 1_000_000, items: 1 }, 0);
    bucket.set({ bytesPerSecond: 2 }, 1, 0);
    expect(bucket.delay(0)).toBe(0);
  });
});
