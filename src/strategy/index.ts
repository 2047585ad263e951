export { BUILT_IN_STRATEGIES, DEFAULT_STRATEGY, StrategyConfig, limitStrategies, parseStrategyConfig, resolveStrategy } from './resolve';
export { RestoreStrategy, parseRestoreStrategy, parseSource, sourceWith } from './source';
export {
  BACKUP_FORMATS,
  BACKUP_TYPES,
  BackupFormat,
  BackupType,
  COMPRESSIONS,
  CURRENT_CAPABILITIES,
  Compression,
  Encryption,
  ResolvedStrategy,
  StrategyCapabilities,
  StrategyJson,
  presentStrategy,
  strategyWithoutSecrets,
} from './strategy';
