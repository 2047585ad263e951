import { Module } from '@nestjs/common';
import { HttpModule } from '../../index';
import { readConsoleFiles } from './console-files';
import { CONSOLE_FILES, ConsoleController } from './console.controller';

/** The web console at `/console`. */
@Module({
  imports: [HttpModule],
  controllers: [ConsoleController],
  providers: [{ provide: CONSOLE_FILES, useFactory: () => readConsoleFiles() }],
})
export class ConsoleModule {}
