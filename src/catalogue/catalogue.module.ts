import { Module } from '@nestjs/common';
import { BackupModule } from '../backup';
import { IMPORT_CONTROLLERS } from './import.controller';
import { ImportService } from './import.service';
import { VERIFICATION_CONTROLLERS } from './verification.controller';
import { VerificationService } from './verification.service';

/** The REST calls that import and verify backups. It asks for the same as BackupModule. */
@Module({
  imports: [BackupModule],
  controllers: [...IMPORT_CONTROLLERS, ...VERIFICATION_CONTROLLERS],
  providers: [ImportService, VerificationService],
})
export class CatalogueModule {}
