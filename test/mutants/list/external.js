const rows = require('../rows');

const CONNECT = 'src/storage/http-connect.spec.ts';
const S3 = 'src/storage/s3/s3-client.spec.ts';

module.exports = [
  ...rows('src/storage/addresses.ts', CONNECT, [
    ['metadata-is-public', 'metadata services are not asked', "  ['169.254.0.0', 16],\n", '', '169\\.254\\.169\\.254'],
    ['mapped-addresses-are-public', 'IPv4 inside of IPv6 is judged as such', "  if (isIP(address) !== 6) return address;", '  return address;', 'are listed one by one|::ffff:8.8.8.8 is public'],
    ['inner-ipv6-is-public', 'only global IPv6 is public', "globalV6.check(plain, 'ipv6') && ", '', 'fd00:ec2::254|fe80::1'],
  ]),
  ...rows('src/storage/http-connect.ts', CONNECT, [
    ['any-host-asked', 'hosts are judged for every request', 'if (isAllowedHost?.(host) === false) throw hostNotAllowed(host);', '', 'refuses a host that is not listed|are not followed'],
    ['literals-unjudged', 'an address in a URL is judged', "if (isIP(literal) !== 0 && isAllowedAddress?.(literal, literal) === false) throw addressNotAllowed(literal);", '', 'refuses a literal address'],
    ['names-unjudged', 'the addresses of a name are judged', 'if (isAllowedAddress && !addresses.every(({ address }) => isAllowedAddress(address, hostname))) throw addressNotAllowed(hostname);', '', 'a name that leads to this machine'],
    ['one-good-address-will-do', 'all addresses of a name are judged', '!addresses.every(', '!addresses.some(', 'one bad address among good ones'],
    ['secrets-follow-redirects', 'another origin gets no secrets', 'if (next.origin !== target.origin) headers = harmless(headers);', '', 'take no secrets along'],
    ['redirects-for-ever', 'redirects are bounded', "if (redirects >= maxRedirects) throw", "if (redirects >= 1e9) throw", 'in circles'],
    ['a-slow-reader-is-cut-off', 'a reader may take its time', '    clearTimeout(timer);\n    response.pause();', '    response.pause();', 'a reader that takes its time'],
    ['answers-without-end', 'answers have a bound', 'if (bytes > maxBytes) return', 'if (bytes < 0) return', 'longer than was bargained for'],
  ]),
  ...rows('src/storage/allow-list.ts', 'src/storage/locations.spec.ts', [
    ['listed-names-lead-anywhere', 'names lead to public or listed addresses', 'isPublicAddress(address) || this.addresses.includes(address)', 'true || this.addresses.includes(address)', 'are reached at public addresses'],
    ['listed-addresses-unheeded', 'the operator may list addresses', ' || this.addresses.includes(address)', '', 'are reached at public addresses'],
  ]),
  ...rows('src/storage/s3/s3-client.ts', S3, [
    ['ambient-credentials', 'nothing of the surroundings is used', "    credentials: keys ?? { accessKeyId: '', secretAccessKey: '' },\n    ...(keys === undefined ? { signer: UNSIGNED } : {}),", '    ...(keys === undefined ? {} : { credentials: keys }),', 'is not heard'],
    ['the-sdk-speaks-up', 'standard error holds lines of JSON', "process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED ??= 'true';", '', 'without a word'],
    ['the-sdk-retries', 'only the wrapper tries again', 'maxAttempts: 1,', 'maxAttempts: 3,', 'is not heard|503'],
    ['listings-without-end', 'answers that are no objects have a bound', "...(request.query?.['x-id'] === 'GetObject' ? {} : { maxBodyBytes: MAX_ANSWER_BYTES }),", '', 'that never end'],
  ]),
  ...rows('src/storage/s3/s3-errors.ts', S3, [
    ['the-services-own-words', 'what a service says in its own words is not shown', "'the S3 credentials do not allow this', options", '(error as Error).message, options', 'AccessDenied'],
    ['quotas-are-no-room', 'a full bucket is StorageFull', "'QuotaExceeded', ", '', 'QuotaExceeded'],
  ]),
  ...rows('src/storage/ranges.ts', S3, [
    ['another-range-will-do', 'the bytes are those that were asked for', '  if (!(from <= start)) {', '  if (Number.isNaN(from)) {', 'of another range'],
    ['ranges-taken-on-trust', 'a service need not know of ranges', 'if (from === start && (end === undefined || Number(last) < end)) return body;', 'return body;', 'without ranges are cut'],
  ]),
  ...rows('src/storage/s3/s3-object-store.ts', 'src/storage/s3/s3-object-store.spec.ts', [
    ['parts-left-behind', 'an upload that fails is aborted', 'await client.send(abort, { abortSignal: AbortSignal.timeout(ABORT_MILLIS) }).catch(() => undefined);', 'void abort;', 'are aborted when'],
  ]),
  ...rows('src/storage/source-bytes.ts', 'src/storage/s3/s3-object-store.spec.ts', [
    ['s3-of-another-size', 'an object has its announced size', '    if (total !== source.size) throw wrongSize();\n    if (held', '    if (held', 'another size than announced'],
  ]),
  ...rows('src/storage/http/http-object-store.ts', 'src/storage/http/http-object-store.spec.ts', [
    ['head-is-a-must', 'a server without HEAD is read', '[200, 403, 405, 501].includes(answer.status)', '[200].includes(answer.status)', 'a server without HEAD'],
    ['packed-on-the-way', 'bytes come as they are stored', "'accept-encoding': 'identity',", '', 'as they are stored'],
  ]),
  ...rows('src/storage/credential-seal.ts', 'src/storage/credential-seal.spec.ts', [
    ['seals-of-any-place', 'what is sealed opens for its place alone', "JSON.stringify(['magnetodb-backup credentials', projectId, url])", "JSON.stringify(['magnetodb-backup credentials', projectId])", 'another place'],
    ['seals-of-any-project', 'what is sealed opens for its project alone', "JSON.stringify(['magnetodb-backup credentials', projectId, url])", "JSON.stringify(['magnetodb-backup credentials', url])", 'another project'],
    ['the-last-key-seals', 'the first key seals', 'const [first] = this.keys;', 'const first = [...this.keys].at(-1);', 'keys are changed'],
  ]),
  ...rows('src/storage/probe.ts', 'src/storage/probe.spec.ts', [
    ['probes-left-behind', 'a probe leaves nothing', '    await store.delete(name, AbortSignal.timeout(CLEAN_UP_MILLIS)).catch(() => undefined);\n', '', 'leaves nothing'],
    ['probes-without-end', 'a probe is bounded in time', 'const signal = AbortSignal.timeout(millis);', 'const signal = AbortSignal.timeout(millis * 1e6);', 'takes no longer'],
    ['outages-blamed-on-the-request', 'what may pass is not the request’s fault', "isDomainError(error, 'StorageError') && !error.transient", "isDomainError(error, 'StorageError')", 'the request’s fault'],
  ]),
  ...rows('src/gateway/credentials-keys.ts', 'src/gateway/credentials-keys.spec.ts', [
    ['everybody-makes-a-key', 'gateways that share a database make up no keys', 'if (given.length > 0 || databaseUrl !== undefined) return given;', 'if (given.length > 0) return given;', 'are not made up'],
    ['keys-for-all-to-read', 'nobody else reads the key', '{ mode: 0o600, ', '{ mode: 0o644, ', 'readable by nobody else'],
  ]),
  ...rows('src/jobs/step-ledger.ts', 'test/e2e/external.e2e-spec.ts', [
    ['seals-kept', 'credentials go when the job ends', 'finished_at = clock_timestamp(), sealed = NULL,', 'finished_at = clock_timestamp(),', 'erased when it has ended'],
  ]),
  ...rows('src/jobs/outside-jobs.ts', 'test/e2e/external.e2e-spec.ts', [
    ['old-processes-take-outside-jobs', 'old processes leave outside jobs alone', "const SUFFIX = '.outside';", "const SUFFIX = '.again';", 'erased when it has ended'],
  ]),
  ...rows('src/backup/backup-create.handler.ts', 'test/e2e/external.e2e-spec.ts', [
    ['a-deletion-without-keys', 'a cancelled backup goes with its own credentials', 'params, sealed: job.sealed });', 'params });', 'erased when it has ended'],
  ]),
  ...rows('src/backup/backup.service.ts', 'test/e2e/external.e2e-spec.ts', [
    ['places-untried', 'what cannot work is refused at once', "if (location.type === 'external') await this.stores.probeOutside(location, 'write', 'strategy.location');", '', 'a wrong key: 400'],
  ]),
  ...rows('src/jobs/outside-jobs.ts', 'test/e2e/upgrade.e2e-spec.ts', [
    ['outside-jobs-for-old-gateways', 'gateways of the version before leave jobs with credentials alone', "const SUFFIX = '.outside';", "const SUFFIX = '';", 'with credentials to the new'],
  ]),
  ...rows('src/storage/swift/credentials.ts', 'test/e2e/stack.e2e-spec.ts', [
    ['strangers-without-a-project', 'credentials of another cloud’s Keystone open its Swift, for the restore of a backup by its URL', '{ user: who.user, scope: who.scope, ...wanted }', "{ user: who.user, scope: { kind: 'own' }, ...wanted }", 'of another cloud restores'],
  ]),
  ...rows('src/backup/backup-removal.ts', 'test/e2e/external.e2e-spec.ts', [
    ['forgotten-with-its-data', 'what is only forgotten stays where it lies', '!query.forget && (', '(', 'is forgotten without credentials'],
    ['own-backups-forgotten', 'nothing stays in the own store that nobody knows of', 'if (row.internal && !row.imported)', 'if (row.internal && row.imported)', 'is forgotten without credentials'],
  ]),
];
