const rows = require('../rows');

const LIMITS = 'test/e2e/cassandra-limits.e2e-spec.ts';
const SHARED = 'src/jobs/shared-limit.spec.ts';
const LIMITER = 'src/jobs/limiter.spec.ts';
const REQUESTS = 'src/backup/rest/backup-requests.spec.ts';

module.exports = [
  ...rows('src/jobs/limiter.ts', LIMITER, [
    ['requests-not-bounded', 'no more requests are on their way than the limit says', 'this.onTheirWay < this.most', 'this.most > 0', 'lets so many requests'],
    ['requests-for-each-process', 'a limit of requests is over all processes', 'Math.floor(limit.requestsInFlight / parts)', 'limit.requestsInFlight', 'takes its part of the requests'],
    ['large-requests-under-a-limit', 'under a limit of bytes requests are small', 'Math.ceil(this.bytesPerSecond / REQUESTS_PER_SECOND)', 'this.bytesPerSecond', 'has a request bring'],
  ]),
  ...rows('src/jobs/job-control.ts', SHARED, [
    ['limit-of-its-own-ignored', 'a limit of its own replaces the shared one', 'return this.hasOwnLimit ? this.own : (this.shared ?? this.own);', 'return this.shared ?? this.own;', 'share one; with one of their own'],
    ['shared-limit-ignored', 'backups without a limit of their own share one', 'return this.hasOwnLimit ? this.own : (this.shared ?? this.own);', 'return this.own;', 'share one; with one of their own'],
    ['turns-not-woken', 'a changed limit of requests holds while the job runs', 'this.own.set(condition.rateLimit, condition.holders, now);', 'if (!this.hasOwnLimit) this.own.set(condition.rateLimit, condition.holders, now);', 'makes no more requests at once'],
  ]),
  ...rows('src/jobs/step-ledger.ts', SHARED, [
    ['shared-limit-for-each-process', 'the shared limit is divided by the processes that work under it', "o.state = 'running' AND o.kind = ANY($2)", "o.state = 'none' AND o.kind = ANY($2)", 'is divided by the processes'],
  ]),
  ...rows('src/jobs/postgres-job-queue.ts', SHARED, [
    ['requests-not-changed', 'PATCH changes the requests in flight', 'requests_in_flight = CASE WHEN $3 THEN $6::bigint ELSE requests_in_flight END', 'requests_in_flight = coalesce(requests_in_flight, $6::bigint)', 'makes no more requests at once'],
    ['shared-limit-unseen', 'a job under the shared limit says so', 'return shared && { ...shared, shared: true };', 'return null;', 'share one; with one of their own'],
  ]),
  ...rows('src/backup/rest/backup-requests.ts', REQUESTS, [
    ['requests-of-restores', 'a restore is not promised a limit that it does not heed', 'const change = readJobChange(fields, RATES);', "const change = readJobChange(fields, [...RATES, 'requests_in_flight']);", 'refuses {"rate_limit":{"requests_in_flight":1}}'],
    ['requests-not-read', 'PATCH of a backup takes requests_in_flight', '...(requestsInFlight === undefined ? {} : { requestsInFlight }),', '', 'reads how many requests'],
  ]),
  ...rows('src/tables/cassandra/range-reader.ts', LIMITS, [
    ['pages-out-of-turn', 'pages of Cassandra are asked for in their turn', 'pace ? pace.inTurn(', 'pace && !pace.countsRequests ? pace.inTurn(', 'no more pages on their way'],
  ]),
  ...rows('src/tables/cassandra/frames/lane-server.ts', 'src/tables/cassandra/frames/frame-block-pages.spec.ts', [
    ['pages-ahead-of-their-turn', 'no page is asked for ahead where requests are counted', ' && request.ahead)', ')', 'asks for no page ahead'],
  ]),
  ...rows('src/tables/postgres/range-reader.ts', 'src/tables/postgres/postgres-table-backend.spec.ts', [
    ['postgres-pages-out-of-turn', 'pages of PostgreSQL are asked for in their turn', 'ahead = page.next && inTurn(page.next);', 'ahead = page.next?.();', 'asks for each page in its turn'],
  ]),
  ...rows('src/backup-restore.limits.ts', LIMITS, [
    ['default-of-the-backend-ignored', 'the backend says what backups may ask by default', 'const told = tables.backupLimit();', 'const told: RateLimit | null = null;', 'no more pages on their way'],
  ]),
  ...rows('src/tables/cassandra/ring.ts', 'test/e2e/cassandra-secured.e2e-spec.ts', [
    ['estimates-of-real-nodes', 'a real node is asked for what it estimates, as it tells it', "range_type = 'local_primary'", "range_type = 'local'", 'estimates how large tables are'],
  ]),
  ...rows('src/tables/cassandra/range-splitter.ts', 'src/tables/cassandra/cassandra-table-backend.spec.ts', [
    ['few-partitions-are-all', 'a look that sees few partitions looks further', '(tells ? enoughRows : maxRows) && bytes < (tells ? WALK_BYTES : MOST_WALK_BYTES)', 'enoughRows && bytes < WALK_BYTES', 'are read back in ranges'],
  ]),
  ...rows('src/tables/cassandra/session.ts', 'src/tables/cassandra/options.spec.ts', [
    ['connect-timeout-fixed', 'how long a node may take to let a connection in is a setting', 'connectMillis: connectTimeoutMillis', 'connectMillis: 5_000', 'reaches the lane'],
  ]),
  ...rows('src/tables/cassandra/merges.ts', 'src/tables/cassandra/cassandra-table-backend.spec.ts', [
    ['merged-by-a-neighbour', 'items that are merged together are judged one by one', 'before.get(nameOf(decoded.canonicalKey))', '[...before.values()][0]', 'judges each of many items'],
  ]),
];
