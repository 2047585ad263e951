import { Module } from '@nestjs/common';
import { BackupRestoreModule, createPostgresTableBackend } from 'magnetodb-backup-restore';

@Module({
  imports: [
    BackupRestoreModule.forRootAsync({
      useFactory: async () => ({
        database: { url: process.env.DATABASE_URL ?? '' },
        tables: await createPostgresTableBackend({ connectionString: process.env.DATABASE_URL ?? '' }),
        auth: { authority: { kind: 'static', tokens: 'secret=demo:member' } },
        storage: { internalUrl: process.env.OBJECTS_URL ?? '' },
      }),
    }),
  ],
})
export class AppModule {}
