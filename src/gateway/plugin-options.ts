import type { BackupRestoreOptions, Logger, NotificationSender, StrategyConfig, TableBackend, TokenAuthority } from '../index';
import { resolveTables } from './data/resolve-tables';
import { ProjectQuotaOverride, QuotaOptions, Secret } from '../kernel';
import { GatewaySettings } from './settings';

/** What was made of the settings before the plugin. */
export interface GatewayParts {
  readonly databaseUrl: string;
  readonly tables: TableBackend;
  readonly internalUrl: string;
  readonly strategies: StrategyConfig;
  readonly projectQuotas: Readonly<Record<string, ProjectQuotaOverride>>;
  readonly senders: readonly NotificationSender[];
  readonly madeUpToken: string | undefined;
  readonly credentialsKeys: readonly string[];
  readonly logger: Logger;
}

/** The plugin's options, of the gateway's settings. */
export function pluginOptions(settings: GatewaySettings, parts: GatewayParts): BackupRestoreOptions {
  return {
    database: { url: parts.databaseUrl },
    tables: parts.tables,
    auth: {
      authority: authorityOf(settings, parts.madeUpToken),
      ...(settings.adminProject === undefined ? {} : { adminProjectId: settings.adminProject }),
      ...(settings.policyFile === undefined ? {} : { policyFile: settings.policyFile }),
    },
    storage: { ...storageSettings(settings, parts.internalUrl), credentialsKeys: parts.credentialsKeys },
    strategies: parts.strategies,
    jobs: {
      maxJobs: settings.maxJobs,
      maxJobsPerProject: settings.maxJobsPerProject,
      stepsPerProcess: settings.stepsPerProcess,
      leaseSeconds: settings.leaseSeconds,
      maxAttempts: settings.maxAttempts,
      rangeBytes: settings.rangeBytes,
      maxRanges: settings.maxRanges,
      chunkBytes: settings.chunkBytes,
      backupLimit: {
        ...limitOf('bytesPerSecond', settings.backupBytesPerSecond),
        ...limitOf('requestsInFlight', settings.backupRequestsInFlight),
      },
    },
    ...(settings.exclusiveGateways === undefined ? {} : { exclusiveGateways: settings.exclusiveGateways === 'true' }),
    resolveTables,
    maxLockSeconds: settings.maxLockSeconds,
    replaceGraceSeconds: settings.replaceGraceSeconds,
    sweepSeconds: settings.sweepSeconds,
    ...(settings.publicUrl === undefined ? {} : { publicUrl: settings.publicUrl }),
    quotas: quotasOf(settings, parts.projectQuotas),
    trustProxy: settings.trustProxy,
    notificationSenders: parts.senders,
    notifications: {
      timeoutSeconds: settings.notificationTimeoutSeconds,
      giveUpAfterSeconds: settings.notificationGiveUpSeconds,
      ...(settings.notificationMaxAttempts === undefined ? {} : { maxAttempts: settings.notificationMaxAttempts }),
      retentionSeconds: settings.notificationRetentionSeconds,
    },
    logger: parts.logger,
  };
}

/** 0: no limit; undefined: what the backend says. */
function limitOf<K extends string>(name: K, value: number | undefined): { readonly [name in K]?: number | null } {
  return value === undefined ? {} : ({ [name]: value === 0 ? null : value } as { [name in K]: number | null });
}

/** Where backups may lie. */
export function storageSettings(settings: GatewaySettings, internalUrl: string): BackupRestoreOptions['storage'] {
  return {
    internalUrl,
    ...ownSwift(settings, internalUrl),
    allowedFolders: settings.allowedFolders,
    allowedHosts: settings.allowedHosts,
    allowedAddresses: settings.allowedAddresses,
  };
}

/** How the own store is used, if it is a Swift. */
function ownSwift(settings: GatewaySettings, internalUrl: string): Partial<BackupRestoreOptions['storage']> {
  if (!internalUrl.startsWith('swift')) return {};
  const domain = settings.keystoneDomain;
  const byName = {
    username: settings.objectsUser ?? settings.keystoneUsername,
    password: settings.objectsPassword ?? settings.keystonePassword,
    project_name: settings.keystoneProject,
    user_domain_name: domain,
    project_domain_name: domain,
  };
  const byCredential = {
    application_credential_id: settings.keystoneApplicationCredentialId,
    application_credential_secret: settings.keystoneApplicationCredentialSecret,
  };
  const who = settings.objectsUser === undefined && byCredential.application_credential_id !== undefined ? byCredential : byName;
  const given = Object.entries({ auth_url: settings.objectsAuthUrl ?? settings.keystoneUrl, ...who }).flatMap(([name, value]) => (value === undefined ? [] : [[name, new Secret(value)] as const]));
  return {
    internalCredentials: new Map(given),
    internalSwift: {
      ...(settings.objectsRegion === undefined ? {} : { region: settings.objectsRegion }),
      interface: settings.objectsInterface,
      access: settings.objectsAccess,
      segmentBytes: settings.objectsSegmentBytes,
      trustSeconds: settings.objectsTrustSeconds,
    },
  };
}

/** Members that were not set are left out. */
function quotasOf(settings: GatewaySettings, projects: Readonly<Record<string, ProjectQuotaOverride>>): QuotaOptions {
  const everybody = {
    maxBackups: settings.maxBackupsPerProject,
    maxBackupBytes: settings.maxBackupBytesPerProject,
    requestsPerSecond: settings.requestsPerSecondPerProject,
    requestBurst: settings.requestBurstPerProject,
    dataRequestsPerSecond: settings.dataRequestsPerSecondPerProject,
    dataRequestBurst: settings.dataRequestBurstPerProject,
  };
  return { ...Object.fromEntries(Object.entries(everybody).filter(([, value]) => value !== undefined)), projects };
}

function authorityOf(settings: GatewaySettings, madeUpToken: string | undefined): TokenAuthority {
  if (settings.keystoneUrl === undefined)
    return { kind: 'static', tokens: settings.devTokens ?? `${madeUpToken ?? ''}=demo:member` };
  const { keystoneUrl: authUrl, keystoneApplicationCredentialId: id, keystoneCacheSeconds: cacheSeconds } = settings;
  if (id !== undefined) {
    const applicationCredential = { id, secret: settings.keystoneApplicationCredentialSecret ?? '' };
    return { kind: 'keystone', keystone: { authUrl, applicationCredential, cacheSeconds } };
  }
  const user = { username: settings.keystoneUsername ?? '', password: settings.keystonePassword ?? '', userDomainName: settings.keystoneDomain };
  const project = { projectName: settings.keystoneProject, projectDomainName: settings.keystoneDomain };
  return { kind: 'keystone', keystone: { authUrl, ...user, ...project, cacheSeconds } };
}
