import { BackupEntity, BackupObjectEntity, RequestTokenEntity } from './backup';
import { VerificationProofEntity } from './catalogue';
import { GrantEntity, JobEntity, JobStepEntity } from './jobs';
import { EventDeliveryEntity, EventEntity } from './notifications';
import { ProjectSettingsEntity, TableDropEntity, TableSettingsEntity } from './protection';
import { RestoreEntity, RestoreProofEntity } from './restore';

/** Every TypeORM entity of the plugin. Their tables are made by `migrations/jobs`. */
export const PLUGIN_ENTITIES = [
  BackupEntity,
  BackupObjectEntity,
  RequestTokenEntity,
  RestoreEntity,
  RestoreProofEntity,
  VerificationProofEntity,
  ProjectSettingsEntity,
  TableSettingsEntity,
  TableDropEntity,
  JobEntity,
  JobStepEntity,
  GrantEntity,
  EventEntity,
  EventDeliveryEntity,
] as const;
