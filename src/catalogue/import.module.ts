import { Module } from '@nestjs/common';
import { BackupModule } from '../backup';
import { IMPORT_CONTROLLERS } from './import.controller';
import { ImportService } from './import.service';

/** The REST call that imports a backup. It asks for the same as BackupModule. */
@Module({ imports: [BackupModule], controllers: IMPORT_CONTROLLERS, providers: [ImportService] })
export class ImportModule {}
