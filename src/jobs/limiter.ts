import type { RateLimit } from './job-handler';
import { RateBucket } from './rate-bucket';

/** Under a limit of bytes a request brings those of a sixty-fourth of a second, within these bounds. */
const REQUESTS_PER_SECOND = 64;
const [LEAST_REQUEST_BYTES, MOST_REQUEST_BYTES] = [16 * 1024, 1024 * 1024];

/** This process's part of a limit: of one job's, or of one that jobs share. */
export class Limiter {
  readonly rate = new RateBucket();
  private most = Infinity;
  private onTheirWay = 0;
  private bytesPerSecond: number | undefined;

  /** @param freed told when a request may be made that might not before */
  constructor(private readonly freed: () => void) {}

  /** `shares`: how many processes have a part, each the same; each may make one request at least. */
  set(limit: RateLimit | null, shares: number, now: number): void {
    const parts = Math.max(1, shares);
    this.rate.set(limit, parts, now);
    this.most = limit?.requestsInFlight === undefined ? Infinity : Math.max(1, Math.floor(limit.requestsInFlight / parts));
    this.bytesPerSecond = limit?.bytesPerSecond === undefined ? undefined : limit.bytesPerSecond / parts;
  }

  get countsRequests(): boolean {
    return this.most !== Infinity;
  }

  /** See `RequestPace`. */
  get requestBytes(): number | undefined {
    if (this.bytesPerSecond === undefined) return undefined;
    return Math.min(MOST_REQUEST_BYTES, Math.max(LEAST_REQUEST_BYTES, Math.ceil(this.bytesPerSecond / REQUESTS_PER_SECOND)));
  }

  /** May one more request be made? */
  get hasRoom(): boolean {
    return this.onTheirWay < this.most;
  }

  /** A request is on its way, until `end`. */
  begin(): void {
    this.onTheirWay++;
  }

  end(): void {
    this.onTheirWay--;
    this.freed();
  }
}
