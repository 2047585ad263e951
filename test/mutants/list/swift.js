const rows = require('../rows');

const STORE = 'src/storage/swift/swift-object-store.spec.ts';
const SESSION = 'src/storage/swift/token-session.spec.ts';
const E2E = 'test/e2e/swift.e2e-spec.ts';
const OWN = 'src/storage/own-store.spec.ts';

module.exports = [
  ...rows('src/storage/swift/token-session.ts', SESSION, [
    ['swift-log-in-for-each', 'one log-in serves all who need one at the same time', 'if (this.held !== current) return this.login();', '', 'when its token is refused'],
    ['swift-token-to-the-end', 'a token is renewed before it ends', 'life - Math.min(RENEW_MARGIN_MS, life / 10)', 'life', 'a minute before its token ends'],
    ['swift-short-token-useless', 'a short-lived token is used, too', 'Math.min(RENEW_MARGIN_MS, life / 10)', 'RENEW_MARGIN_MS', 'nine tenths of its life'],
    ['swift-refused-token-kept', 'a token that is refused is used no more', 'known.login !== this.refusedLogin && ', '', 'when its token is refused'],
    ['swift-log-in-fails-for-ever', 'a log-in that failed is tried again', 'await current.catch(() => undefined)', 'await current', 'tries again after'],
  ]),
  ...rows('src/storage/swift/log-in.ts', 'src/storage/swift/log-in.spec.ts', [
    ['swift-any-interface', 'the endpoint is of the interface that the operator chose', "member(endpoint, 'interface') === wanted && ", '', 'tells where the own Swift is'],
    ['swift-clocks-apart', 'a token’s life is told by no clock but ours', 'Date.now() + life', "Date.parse(String(member(described, 'expires_at')))", 'counts a token’s life'],
  ]),
  ...rows('src/storage/swift/trusts.ts', E2E, [
    ['trusts-token-not-renewed', 'a token of the gateway’s that Keystone refuses keeps no trust from being made or deleted', 'session.refused(login);', '', 'though Keystone refuses the tokens'],
  ]),
  ...rows('src/backup-restore.grants.ts', E2E, [
    ['trust-outlives-its-job', 'a trust is deleted when its job is over', 'await this.stores.giveBack(id);', '', 'by trusts that end with their jobs'],
  ]),
  ...rows('src/storage/own-store.ts', OWN, [
    ['own-store-prefix-confused', 'a project’s place is told from its neighbours', "text.startsWith(before) && text.endsWith(after) && !name.includes('/')", "text.endsWith(after) && !name.includes('/')", 'has nothing to do with'],
    ['own-store-two-projects', 'a place is of one project', 'given.size !== 1', 'given.size < 1', 'names one project or none'],
    ['own-store-reached-into', 'what lies around the own store reaches into it', 'return location.segments.slice(0, segments.length).every(', 'return location.segments.length >= segments.length && location.segments.slice(0, segments.length).every(', 'is not reached into'],
    ['own-store-other-service', 'a container of the same name elsewhere is not ours', 'this.pattern.suffix === location.suffix && ', '', 'has nothing to do with'],
  ]),
  ...rows('src/storage/retrying.ts', 'src/storage/retrying.spec.ts', [
    ['retry-after-of-store-ignored', 'a store that asks for patience is left alone for so long', 'await sleep(asked + Math.floor', 'await sleep(0 * asked + Math.floor', 'stays away as long as'],
    ['retry-after-of-store-without-bound', 'no store silences a job for longer than a minute at a time', 'Math.min(maxRetryAfterMillis, (error.retryAfterSeconds ?? 0) * 1000)', '(error.retryAfterSeconds ?? 0) * 1000 + 0 * maxRetryAfterMillis', 'stays away as long as'],
  ]),
  ...rows('src/backup/engine/portable-backup.ts', 'src/backup/engine/portable-backup.spec.ts', [
    ['container-deleted-unseen', 'a backup whose container was deleted under it is none', '  await checkStillThere(context.store);\n', '', 'whose folder was deleted under it'],
  ]),
  ...rows('src/storage/swift/swift-object-store.ts', STORE, [
    ['swift-etag-not-sent', 'what is sent carries its digest, which Swift compares', 'headers: { ...bodyHeaders(source.size), etag: md5 },', 'headers: bodyHeaders(source.size),', 'carries its digest'],
    ['swift-etag-not-compared', 'what Swift says it has stored is compared with what was sent', 'if (etagOf(answer.headers) !== md5)', 'if (etagOf(answer.headers) === undefined)', 'is compared with what Swift says'],
    ['swift-segments-stay', 'a deleted large object leaves no segments', "if (isLarge || there.status === 404) await this.large.deleteSegments(this.prefix + name, signal);", '', 'keeps no segment of a process that died'],
  ]),
  ...rows('src/storage/swift/large-objects.ts', STORE, [
    ['swift-broken-put-leaves-segments', 'a large put that broke leaves no segments', 'await this.remove(begun).catch(() => undefined);', '', 'leaves no segment of a put that broke'],
    ['swift-segment-damaged', 'a segment that was damaged on its way is noticed', "if (etagOf(answer.headers) !== md5)", "if (etagOf(answer.headers) === undefined)", 'of which a segment is damaged'],
    ['swift-segments-one-by-one', 'segments of an object go some at a time', 'const PARALLEL_SEGMENTS = 4;', 'const PARALLEL_SEGMENTS = 1;', 'go some at a time'],
    ['swift-segments-of-a-neighbour', 'a deletion touches no neighbour’s segments', '`${name}~`', 'name', 'touches no neighbour'],
  ]),
  ...rows('src/storage/swift/swift-client.ts', STORE, [
    ['swift-token-not-renewed', 'a token that is refused in mid-job is renewed', 'if (answer.status === 401) this.session.refused(login);', '', 'is renewed once for everybody'],
    ['swift-limits-not-asked', 'objects over the Swift’s own limit go in segments', 'maxObjectBytes: positive(swift?.max_file_size) ?? USUAL_LIMITS.maxObjectBytes,', 'maxObjectBytes: USUAL_LIMITS.maxObjectBytes,', 'is made where the Swift takes no larger'],
  ]),
  ...rows('src/storage/swift/swift-errors.ts', STORE, [
    ['swift-new-container-forgotten', 'a put outlives the seconds in which Swift does not know a new container', "return transient('the container is not there', MISSING_CONTAINER_SECONDS);", "return new DomainError('StorageError', 'the container is not there');", 'remembers a new container as missing'],
    ['swift-quota-tried-again', 'a full quota is an error that says so', `new DomainError('StorageFull', "the object store's quota is used up")`, `transient("the object store's quota is used up")`, 'a quota that is used up'],
    ['swift-retry-after-lost', 'Swift’s Retry-After is told to whoever tries again', '...(retryAfterSeconds === undefined ? {} : { retryAfterSeconds })', '', 'is told what it means'],
  ]),
  ...rows('src/storage/swift/swift-client.ts', E2E, [
    ['real-token-not-renewed', 'a token that Keystone revoked in mid-job is replaced', 'if (answer.status === 401) this.session.refused(login);', '', 'hears from Keystone'],
  ]),
  ...rows('src/storage/swift/swift-errors.ts', E2E, [
    ['real-quota-unseen', 'a job that a real quota stops says so', '/quota/i.test(explanation)', '/no such words/i.test(explanation)', 'whose quota is used up'],
    ['account-quota-unseen', 'a job that the quota of an account stops says so', "case 413:", "case 412:", 'the quota of the account is used up'],
  ]),
  ...rows('src/gateway/plugin-options.ts', E2E, [
    ['credential-not-for-swift', 'an application credential opens the own Swift', '? byCredential : byName;', '? byName : byName;', 'lets users in by it'],
    ['credential-not-for-keystone', 'an application credential of the service user lets users in', "return { kind: 'keystone', keystone: { authUrl, applicationCredential, cacheSeconds } };", '', 'lets users in by it'],
  ]),
  ...rows('src/gateway/start.ts', E2E, [
    ['two-service-users', 'the service user is said in one way only', '!(byName === 2 && byCredential === 0)', '!(byName === 2)', 'is not started with it beside'],
  ]),
  ...rows('src/storage/swift/home-swift.ts', E2E, [
    ['trusts-by-credential', 'trusts by an application credential are refused at the start', "if (credentials.has('application_credential_id')) throw validationError(", "if (credentials.size === 0) throw validationError(", 'is not started with it to act'],
  ]),
  ...rows('src/storage/own-store.ts', E2E, [
    ['containers-of-strangers', 'backups of every project are found again, also with a container for each', "const folder = nameIn(this.pattern.container ?? '', name);", 'const folder = name;', 'of every project are found'],
  ]),
  ...rows('src/storage/locations.ts', E2E, [
    ['containers-not-looked-through', 'backups of every project are found again, also with a container for each', 'if (containers !== undefined) return this.findInContainers(own, containers);', '', 'of every project are found'],
  ]),
];
