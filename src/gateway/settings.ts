import { IsIn, IsInt, IsOptional, IsString, Matches, Max, Min } from 'class-validator';
import { LogLevel } from '../index';
import { Setting } from './setting';

const DAY = 86_400;

const HTTP_URL = /^https?:\/\/[^\s/?#@]+(\/[^\s?#]*)?$/;
const is = (what: string) => ({ message: `$property must be ${what}` });

/** Everything that an operator can set. `docs/settings.md` holds this table; a test keeps the two together. */
export class GatewaySettings {
  @Setting('PORT', 'integer', 'TCP port to listen on')
  @IsInt() @Min(0) @Max(65535)
  port = 8480;

  @Setting('HOST', 'text', 'Address to listen on; `0.0.0.0` for every interface')
  @IsString()
  host = '127.0.0.1';

  @Setting('DATA_DIR', 'text', 'Folder of the embedded database and object store')
  @IsString()
  dataDir = './data';

  @Setting('DATABASE_URL', 'text', 'PostgreSQL to use instead of the embedded one: `postgresql://user:password@host:port/database`. Gateways that share a database share the work', 'the embedded one')
  @IsOptional() @Matches(/^postgres(ql)?:\/\/[^\s]+$/, is('postgresql://user:password@host:port/database'))
  databaseUrl: string | undefined = undefined;

  @Setting('TABLES_BACKEND', 'text', 'What keeps the tables: `postgresql` (that of `DATABASE_URL`) or `cassandra` ([Cassandra](cassandra.md))')
  @IsIn(['postgresql', 'cassandra'])
  tablesBackend: 'postgresql' | 'cassandra' = 'postgresql';

  @Setting('CASSANDRA_CONTACT_POINTS', 'list', 'Some of its nodes: `host` or `host:port`, separated by commas; the others are found, and asked at the same port (9042 if none is named)')
  @Matches(/^([a-zA-Z0-9][a-zA-Z0-9.-]*|\[[0-9a-f:.]+\])(:[0-9]{1,5})?$/, { each: true, ...is('a list of host or host:port') })
  cassandraContactPoints: string[] = [];

  @Setting('CASSANDRA_DATA_CENTER', 'text', 'The data centre of these gateways')
  @IsString()
  cassandraDataCenter = 'datacenter1';

  @Setting('CASSANDRA_USERNAME', 'text', 'As whom to log in')
  @IsOptional() @IsString()
  cassandraUsername: string | undefined = undefined;

  @Setting('CASSANDRA_PASSWORD', 'text', 'Its password')
  @IsOptional() @IsString()
  cassandraPassword: string | undefined = undefined;

  @Setting('CASSANDRA_TLS', 'boolean', 'Encrypt connections, and check the names in certificates')
  cassandraTls = false;

  @Setting('CASSANDRA_CA_FILE', 'text', 'PEM file with the only authorities that a node\'s certificate may come from', 'those that Node.js trusts')
  @IsOptional() @IsString()
  cassandraCaFile: string | undefined = undefined;

  @Setting('CASSANDRA_CERT_FILE', 'text', 'PEM file with the certificate that the gateway shows to nodes')
  @IsOptional() @IsString()
  cassandraCertFile: string | undefined = undefined;

  @Setting('CASSANDRA_KEY_FILE', 'text', 'PEM file with its key')
  @IsOptional() @IsString()
  cassandraKeyFile: string | undefined = undefined;

  @Setting('CASSANDRA_CONSISTENCY', 'text', 'Of reads and writes: `ONE LOCAL_ONE QUORUM LOCAL_QUORUM EACH_QUORUM ALL`')
  @IsIn(['ONE', 'LOCAL_ONE', 'QUORUM', 'LOCAL_QUORUM', 'EACH_QUORUM', 'ALL'])
  cassandraConsistency: 'ONE' | 'LOCAL_ONE' | 'QUORUM' | 'LOCAL_QUORUM' | 'EACH_QUORUM' | 'ALL' = 'LOCAL_QUORUM';

  @Setting('CASSANDRA_REPLICATION', 'list', 'Copies of tables that are made, by data centre: `datacenter1:3,datacenter2:2`', '3 in `CASSANDRA_DATA_CENTER`')
  @Matches(/^[a-zA-Z0-9_.-]+:[1-9][0-9]?$/, { each: true, ...is('a list of data centre:copies') })
  cassandraReplication: string[] = [];

  @Setting('CASSANDRA_CONNECT_SECONDS', 'integer', 'A node that has not let a connection in for so long is tried again later, and another one meanwhile')
  @IsInt() @Min(1) @Max(60)
  cassandraConnectSeconds = 5;

  @Setting('CASSANDRA_FRAME_LANE', 'boolean', 'Backups read frames of bytes in a thread of their own, at a small part of the processor time; false: by the driver')
  cassandraFrameLane = true;

  @Setting('OBJECTS_URL', 'text', 'Root of the deployment\'s own object store: `file:///…`, or a Swift ([OpenStack](openstack.md#swift)): `swift://container`, found in Keystone\'s catalogue, or `swift+https://host/v1/account/container`; `{project}` in it gives each project a container of its own', '`DATA_DIR/objects`')
  @IsOptional() @Matches(/^(file:\/\/\/|swift(\+https?)?:\/\/[^/])[^\s]*$/, is('file:///… with an absolute path, swift://container or swift+https://host/v1/account/container'))
  objectsUrl: string | undefined = undefined;

  @Setting('OBJECTS_AUTH_URL', 'text', 'Where the gateway logs in for its Swift: a Keystone, or `https://host/auth/v1.0` of a Swift with users of its own', '`KEYSTONE_URL`')
  @IsOptional() @Matches(HTTP_URL, is('http(s)://host:port/path'))
  objectsAuthUrl: string | undefined = undefined;

  @Setting('OBJECTS_USER', 'text', 'As whom', '`KEYSTONE_USERNAME`')
  @IsOptional() @IsString()
  objectsUser: string | undefined = undefined;

  @Setting('OBJECTS_PASSWORD', 'text', 'Its password or key', '`KEYSTONE_PASSWORD`')
  @IsOptional() @IsString()
  objectsPassword: string | undefined = undefined;

  @Setting('OBJECTS_REGION', 'text', 'Region of the Swift in the catalogue', 'any')
  @IsOptional() @IsString()
  objectsRegion: string | undefined = undefined;

  @Setting('OBJECTS_INTERFACE', 'text', 'Interface of the Swift in the catalogue: `public internal admin`')
  @IsIn(['public', 'internal', 'admin'])
  objectsInterface: 'public' | 'internal' | 'admin' = 'public';

  @Setting('OBJECTS_ACCESS', 'text', 'As whom containers are reached: `service`, as the user above; `trust`, as the user who asked, in the account of his project')
  @IsIn(['service', 'trust'])
  objectsAccess: 'service' | 'trust' = 'service';

  @Setting('OBJECTS_TRUST_SECONDS', 'integer', 'How long a trust lasts at most; it is deleted as soon as its job is over')
  @IsInt() @Min(3600)
  objectsTrustSeconds = 30 * DAY;

  @Setting('OBJECTS_SEGMENT_BYTES', 'integer', 'Objects that are larger are stored in Swift in segments of so many bytes')
  @IsInt() @Min(1)
  objectsSegmentBytes = 1024 ** 3;

  @Setting('ALLOWED_FOLDERS', 'list', 'Absolute folders that `file:///…` locations of users may lie in, separated by commas. Empty: none')
  @Matches(/^(\/+(?!\.{1,2}(\/|$))[^/]+)+\/*$/, { each: true, ...is('a list of absolute paths without dotted parts') })
  allowedFolders: string[] = [];

  @Setting('ALLOWED_HOSTS', 'list', 'Hosts that locations of users may name: `host`, `host:port`, `*.domain`, separated by commas. Empty: none')
  @Matches(/^(\*\.)?[a-z0-9][a-z0-9.-]*(:[0-9]{1,5})?$|^\[[0-9a-f:.]+\](:[0-9]{1,5})?$/i, { each: true, ...is('a list of host, host:port or *.domain') })
  allowedHosts: string[] = [];

  @Setting('ALLOWED_ADDRESSES', 'list', 'Addresses and ranges (`10.1.0.0/16`) in your own network that the names of these hosts may have; else public addresses only. Hosts that are addresses themselves need no entry')
  @Matches(/^([0-9]{1,3}(\.[0-9]{1,3}){3}|[0-9a-f:.]*:[0-9a-f:.]*)(\/[0-9]{1,3})?$/i, { each: true, ...is('a list of addresses and ranges such as 10.1.0.0/16') })
  allowedAddresses: string[] = [];

  @Setting('CREDENTIALS_KEYS', 'list', 'Keys that seal the credentials which users give for outside places, while jobs need them: `id:base64 of 32 bytes`, separated by commas. The first seals, all open ([operations](operations.md#credentials-of-users)). All gateways of a deployment have the same', 'made up and kept in `DATA_DIR`; with `DATABASE_URL` none: such jobs are refused')
  @Matches(/^[a-z0-9][a-z0-9_-]{0,31}:[A-Za-z0-9+/]{43}=$/, { each: true, ...is('a list of id:base64 of 32 bytes') })
  credentialsKeys: string[] = [];

  @Setting('DEV_TOKENS', 'text', 'Development tokens: `tokenA=demo:member;tokenB=other:admin,member`. Refused with `NODE_ENV=production`', 'one is made up and printed')
  @IsOptional() @Matches(/^(\s*[\x21-\x3a\x3c-\x7e]+=[a-zA-Z0-9_.-]+:[a-zA-Z0-9_., -]+(;|$))+\s*$/, is('token=project:role,role;token=project:role'))
  devTokens: string | undefined = undefined;

  @Setting('KEYSTONE_URL', 'text', 'Keystone v3 that validates tokens (`https://host:5000/v3`); development tokens are off then')
  @IsOptional() @Matches(HTTP_URL, is('http(s)://host:port/v3'))
  keystoneUrl: string | undefined = undefined;

  @Setting('KEYSTONE_USERNAME', 'text', 'Service user')
  @IsOptional() @IsString()
  keystoneUsername: string | undefined = undefined;

  @Setting('KEYSTONE_PASSWORD', 'text', 'Its password')
  @IsOptional() @IsString()
  keystonePassword: string | undefined = undefined;

  @Setting('KEYSTONE_PROJECT', 'text', 'Its project')
  @IsString()
  keystoneProject = 'service';

  @Setting('KEYSTONE_DOMAIN', 'text', 'Domain of user and project')
  @IsString()
  keystoneDomain = 'Default';

  @Setting('KEYSTONE_APPLICATION_CREDENTIAL_ID', 'text', 'Instead of user, password, project and domain: an application credential of the service user\'s')
  @IsOptional() @IsString()
  keystoneApplicationCredentialId: string | undefined = undefined;

  @Setting('KEYSTONE_APPLICATION_CREDENTIAL_SECRET', 'text', 'Its secret')
  @IsOptional() @IsString()
  keystoneApplicationCredentialSecret: string | undefined = undefined;

  @Setting('KEYSTONE_CACHE_SECONDS', 'integer', 'A token that Keystone found valid is believed so long without asking again, and never beyond its own end: so long a revoked one is still accepted, and an outage of Keystone unnoticed. 0: not at all')
  @IsInt() @Min(0) @Max(3600)
  keystoneCacheSeconds = 60;

  @Setting('ADMIN_PROJECT', 'text', 'Project whose admins reach every project (beside system-scoped admins)')
  @IsOptional() @IsString()
  adminProject: string | undefined = undefined;

  @Setting('POLICY_FILE', 'text', 'JSON file with policy rules ([policy](policy.md)); those it does not name keep their defaults')
  @IsOptional() @IsString()
  policyFile: string | undefined = undefined;

  @Setting('STRATEGIES_FILE', 'text', 'JSON file with named strategies ([strategies](strategies.md))')
  @IsOptional() @IsString()
  strategiesFile: string | undefined = undefined;

  @Setting('EXCLUSIVE_GATEWAYS', 'text', 'Do only gateways of this product write to the tables? `replace` and locks need it', 'what the backend says (PostgreSQL: `true`, Cassandra: `false`)')
  @IsOptional() @IsIn(['true', 'false'])
  exclusiveGateways: 'true' | 'false' | undefined = undefined;

  @Setting('MAX_JOBS', 'integer', 'Jobs that run at once, all projects and processes together; others wait in order')
  @IsInt() @Min(1)
  maxJobs = 8;

  @Setting('MAX_JOBS_PER_PROJECT', 'integer', 'Jobs of one project that run at once')
  @IsInt() @Min(1)
  maxJobsPerProject = 2;

  @Setting('STEPS_PER_PROCESS', 'integer', 'Steps (ranges, chunks) that this process works on at once; 0: it serves the API only')
  @IsInt() @Min(0) @Max(64)
  stepsPerProcess = 2;

  @Setting('LEASE_SECONDS', 'integer', 'After so long without a sign of life a process\'s steps go to others')
  @IsInt() @Min(1) @Max(3600)
  leaseSeconds = 15;

  @Setting('MAX_ATTEMPTS', 'integer', 'Tries of one step before its job fails')
  @IsInt() @Min(1) @Max(100)
  maxAttempts = 8;

  @Setting('MAX_LOCK_SECONDS', 'integer', 'Longest time that a table is in MAINTENANCE (status 423 for its data calls), whatever becomes of the process that locked it')
  @IsInt() @Min(1) @Max(3600)
  maxLockSeconds = 60;

  @Setting('REPLACE_GRACE_SECONDS', 'integer', 'How long the old data of a replaced table are kept')
  @IsInt() @Min(0)
  replaceGraceSeconds = DAY;

  @Setting('SWEEP_SECONDS', 'integer', 'Pause between two sweeps (expired items, replaced data past their grace)')
  @IsInt() @Min(1)
  sweepSeconds = 60;

  @Setting('RANGE_BYTES', 'integer', 'Aim at key ranges of about so many stored bytes')
  @IsInt() @Min(1)
  rangeBytes = 16 * 1024 * 1024;

  @Setting('MAX_RANGES', 'integer', 'Most key ranges that a table is cut into')
  @IsInt() @Min(1) @Max(100_000)
  maxRanges = 4096;

  @Setting('CHUNK_BYTES', 'integer', 'Aim at chunks of about so many bytes of items, before compression. Each worker holds one in memory')
  @IsInt() @Min(1) @Max(32 * 1024 * 1024)
  chunkBytes = 16 * 1024 * 1024;

  @Setting('BACKUP_BYTES_PER_SECOND', 'integer', 'Bytes of items a second that all running backups together read, over all processes, but for those with a `rate_limit` of their own ([operations](operations.md#load)); 0: as many as they can. Alike on every process', 'Cassandra: 8,000,000 for each node that is up; PostgreSQL: 0')
  @IsOptional() @IsInt() @Min(0)
  backupBytesPerSecond: number | undefined = undefined;

  @Setting('BACKUP_REQUESTS_IN_FLIGHT', 'integer', 'Their requests to the tables on the way at once, over all processes (each may have one at least); 0: any number. Alike on every process', 'Cassandra: 2 for each node that is up; PostgreSQL: 0')
  @IsOptional() @IsInt() @Min(0)
  backupRequestsInFlight: number | undefined = undefined;

  @Setting('MAX_BODY_BYTES', 'integer', 'Largest JSON body (not `bulk_load`)')
  @IsInt() @Min(1024)
  maxBodyBytes = 16 * 1024 * 1024;

  @Setting('MAX_ITEM_BYTES', 'integer', 'Largest item, as wire JSON')
  @IsInt() @Min(1024)
  maxItemBytes = 1024 * 1024;

  @Setting('MAX_BACKUPS_PER_PROJECT', 'integer', 'Backups that a project may have; one more is 413', 'any number')
  @IsOptional() @IsInt() @Min(1)
  maxBackupsPerProject: number | undefined = undefined;

  @Setting('MAX_BACKUP_BYTES_PER_PROJECT', 'integer', 'Stored bytes that a project\'s backups may take; more is 413, or ends the backup that grows beyond. Imported ones do not count', 'any number')
  @IsOptional() @IsInt() @Min(1)
  maxBackupBytesPerProject: number | undefined = undefined;

  @Setting('REQUESTS_PER_SECOND_PER_PROJECT', 'integer', 'Management calls that a project may make a second, in each process; more are 429', 'any number')
  @IsOptional() @IsInt() @Min(1)
  requestsPerSecondPerProject: number | undefined = undefined;

  @Setting('REQUEST_BURST_PER_PROJECT', 'integer', 'How many of them may come at once', 'those of 2 seconds')
  @IsOptional() @IsInt() @Min(1)
  requestBurstPerProject: number | undefined = undefined;

  @Setting('DATA_REQUESTS_PER_SECOND_PER_PROJECT', 'integer', 'Calls of the data API, monitoring included, that a project may make a second, in each process; counted apart', 'any number')
  @IsOptional() @IsInt() @Min(1)
  dataRequestsPerSecondPerProject: number | undefined = undefined;

  @Setting('DATA_REQUEST_BURST_PER_PROJECT', 'integer', 'How many of them may come at once', 'those of 2 seconds')
  @IsOptional() @IsInt() @Min(1)
  dataRequestBurstPerProject: number | undefined = undefined;

  @Setting('QUOTAS_FILE', 'text', 'JSON file with the quotas of single projects ([operations](operations.md))')
  @IsOptional() @IsString()
  quotasFile: string | undefined = undefined;

  @Setting('WEBHOOK_URL', 'text', 'Where every [notification](notifications.md) is posted (`https://…`), signed with `WEBHOOK_SECRET`')
  @IsOptional() @Matches(/^https?:\/\/[^\s/?#@\\]+([/?][^\s#]*)?$/, is('https://host/path, without user or password'))
  webhookUrl: string | undefined = undefined;

  @Setting('WEBHOOK_SECRET', 'list', 'Its signing secrets, separated by commas, the new one first: `whsec_` and base64 of 24 to 64 random bytes')
  @Matches(/^whsec_[A-Za-z0-9+/]+=*$/, { each: true, ...is('a list of whsec_ and base64') })
  webhookSecret: string[] = [];

  @Setting('WEBHOOKS_FILE', 'text', 'JSON file with named webhooks, each with URL, secrets, projects and events ([notifications](notifications.md))')
  @IsOptional() @IsString()
  webhooksFile: string | undefined = undefined;

  @Setting('AMQP_URL', 'text', 'RabbitMQ that gets every [notification](notifications.md#rabbitmq), as oslo.messaging writes it: `rabbit://user:password@host:5672,host2:5672/virtual-host?ssl=true`')
  @IsOptional() @Matches(/^(rabbit|amqps?):\/\/[^\s]+$/, is('rabbit://user:password@host:port/virtual-host'))
  amqpUrl: string | undefined = undefined;

  @Setting('AMQP_EXCHANGE', 'text', 'Topic exchange that they are published to')
  @Matches(/^(?!amq\.)[^\s]{1,200}$/, is('a name without blanks that does not begin with amq.'))
  amqpExchange = 'magnetodb';

  @Setting('AMQP_TOPIC', 'text', 'Their routing keys are `<topic>.info` and `<topic>.error`')
  @Matches(/^[^\s#*]{1,200}$/, is('a name without blanks, # and *'))
  amqpTopic = 'notifications';

  @Setting('AMQP_DURABLE', 'boolean', 'Exchange and queues survive a restart of the broker; what oslo.messaging calls `amqp_durable_queues`')
  amqpDurable = false;

  @Setting('AMQP_QUEUES', 'text', 'Queues declared for them: `classic`, `quorum` (`rabbit_quorum_queue`; durable), or `none`: what no queue is bound to take is lost')
  @IsIn(['classic', 'quorum', 'none'])
  amqpQueues: 'classic' | 'quorum' | 'none' = 'classic';

  @Setting('AMQP_CA_FILE', 'text', 'PEM file with the only authorities that a broker\'s certificate may come from', 'those that Node.js trusts')
  @IsOptional() @IsString()
  amqpCaFile: string | undefined = undefined;

  @Setting('AMQP_CERT_FILE', 'text', 'PEM file with the certificate that the gateway shows to brokers')
  @IsOptional() @IsString()
  amqpCertFile: string | undefined = undefined;

  @Setting('AMQP_KEY_FILE', 'text', 'PEM file with its key')
  @IsOptional() @IsString()
  amqpKeyFile: string | undefined = undefined;

  @Setting('NOTIFICATION_TIMEOUT_SECONDS', 'integer', 'A delivery that takes longer has failed')
  @IsInt() @Min(1) @Max(100)
  notificationTimeoutSeconds = 15;

  @Setting('NOTIFICATION_GIVE_UP_SECONDS', 'integer', 'An event that could not be delivered for so long becomes a dead letter')
  @IsInt() @Min(0)
  notificationGiveUpSeconds = 7 * DAY;

  @Setting('NOTIFICATION_MAX_ATTEMPTS', 'integer', 'An event that failed so often becomes a dead letter', 'any number')
  @IsOptional() @IsInt() @Min(1) @Max(1_000_000)
  notificationMaxAttempts: number | undefined = undefined;

  @Setting('NOTIFICATION_RETENTION_SECONDS', 'integer', 'Events are forgotten so long after they happened, dead letters so long after they were given up')
  @IsInt() @Min(60)
  notificationRetentionSeconds = 30 * DAY;

  @Setting('PUBLIC_URL', 'text', 'What clients call this service (`https://host`), for links', "the request's Host header")
  @IsOptional() @Matches(HTTP_URL, is('http(s)://host'))
  publicUrl: string | undefined = undefined;

  @Setting('TRUST_PROXY', 'boolean', 'Take scheme and host of links from `X-Forwarded-*`')
  trustProxy = false;

  @Setting('METRICS_PUBLIC', 'boolean', 'Serve `/metrics` ([metrics](metrics.md)) without a token; else it needs one that the rule `metrics:read` allows')
  metricsPublic = false;

  @Setting('OTEL_EXPORTER_OTLP_ENDPOINT', 'text', 'Base URL of an OpenTelemetry collector (OTLP over HTTP, `http://collector:4318`) that gets traces; headers and certificates: [operations](operations.md#traces)', 'none: nothing is traced')
  @IsOptional() @Matches(HTTP_URL, is('http(s)://host:port'))
  otlpEndpoint: string | undefined = undefined;

  @Setting('OTEL_SERVICE_NAME', 'text', 'What the gateway is called in traces')
  @IsString()
  otelServiceName = 'magnetodb-gateway';

  @Setting('OTEL_TRACES_SAMPLER_ARG', 'text', 'Share of the requests that are traced, with all that follows from them: 0 to 1')
  @Matches(/^(0|1|[01]\.0*|0?\.[0-9]{1,9})$/, is('a number from 0 to 1'))
  traceRatio = '1';

  @Setting('LOG_LEVEL', 'text', 'pino level: `trace debug info warn error fatal silent`')
  @IsIn(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'])
  logLevel: LogLevel = 'info';
}
