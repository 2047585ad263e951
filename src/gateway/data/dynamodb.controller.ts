import { Controller, HttpCode, Post, UseFilters } from '@nestjs/common';
import { ApiExcludeController } from '@nestjs/swagger';
import { ErrorFilter, Public } from '../../index';
import { DomainError } from '../../kernel';

/** Where DynamoDB's own clients call (`X-Amz-Target`, signed requests). That dialect is not served; its place says so. */
@Controller()
@ApiExcludeController()
@UseFilters(ErrorFilter)
export class DynamoDbController {
  @Post()
  @HttpCode(404)
  @Public()
  call(): never {
    throw new DomainError(
      'NotFound',
      "The DynamoDB-compatible dialect is not served here; use MagnetoDB's data API below /v1/data",
    );
  }
}
