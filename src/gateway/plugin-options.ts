import type { BackupRestoreOptions, Logger, NotificationSender, StrategyConfig, TableBackend, TokenAuthority } from '../index';
import { resolveTables } from './data/resolve-tables';
import { GatewaySettings } from './settings';

/** What was made of the settings before the plugin. */
export interface GatewayParts {
  readonly databaseUrl: string;
  readonly tables: TableBackend;
  readonly internalUrl: string;
  readonly strategies: StrategyConfig;
  readonly webhooks: readonly NotificationSender[];
  readonly madeUpToken: string | undefined;
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
    storage: {
      internalUrl: parts.internalUrl,
      allowedFolders: settings.allowedFolders,
      allowedHosts: settings.allowedHosts,
    },
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
    },
    ...(settings.exclusiveGateways === undefined ? {} : { exclusiveGateways: settings.exclusiveGateways === 'true' }),
    resolveTables,
    maxLockSeconds: settings.maxLockSeconds,
    replaceGraceSeconds: settings.replaceGraceSeconds,
    sweepSeconds: settings.sweepSeconds,
    ...(settings.publicUrl === undefined ? {} : { publicUrl: settings.publicUrl }),
    ...(settings.maxBackupsPerProject === undefined ? {} : { maxBackupsPerProject: settings.maxBackupsPerProject }),
    trustProxy: settings.trustProxy,
    notificationSenders: parts.webhooks,
    notifications: {
      timeoutSeconds: settings.notificationTimeoutSeconds,
      giveUpAfterSeconds: settings.notificationGiveUpSeconds,
      ...(settings.notificationMaxAttempts === undefined ? {} : { maxAttempts: settings.notificationMaxAttempts }),
      retentionSeconds: settings.notificationRetentionSeconds,
    },
    logger: parts.logger,
  };
}

function authorityOf(settings: GatewaySettings, madeUpToken: string | undefined): TokenAuthority {
  if (settings.keystoneUrl === undefined)
    return { kind: 'static', tokens: settings.devTokens ?? `${madeUpToken ?? ''}=demo:member` };
  return {
    kind: 'keystone',
    keystone: {
      authUrl: settings.keystoneUrl,
      username: settings.keystoneUsername ?? '',
      password: settings.keystonePassword ?? '',
      projectName: settings.keystoneProject,
      userDomainName: settings.keystoneDomain,
      projectDomainName: settings.keystoneDomain,
    },
  };
}
