import { Module } from '@nestjs/common';
import { HttpModule } from '../http';
import { DeadLettersController } from './dead-letters.controller';

/** The REST calls of the deployment's operators on notifications that could not be delivered. */
@Module({ imports: [HttpModule], controllers: [DeadLettersController] })
export class DeadLettersModule {}
