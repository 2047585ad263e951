import { Module } from '@nestjs/common';
import { BackupModule } from '../backup';
import { FIND_CONTROLLERS } from './find.controller';
import { FindService } from './find.service';
import { IMPORT_CONTROLLERS } from './import.controller';
import { ImportService } from './import.service';
import { VERIFICATION_CONTROLLERS } from './verification.controller';
import { VerificationService } from './verification.service';

/** The REST calls that find, import and verify backups. It asks for the same as BackupModule. */
@Module({
  imports: [BackupModule],
  controllers: [...FIND_CONTROLLERS, ...IMPORT_CONTROLLERS, ...VERIFICATION_CONTROLLERS],
  providers: [FindService, ImportService, VerificationService],
})
export class CatalogueModule {}
