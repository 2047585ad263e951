import { Controller, Get, Inject, Req, Res, UseFilters } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { ApiExcludeController } from '@nestjs/swagger';
import { ErrorFilter, HttpRequest } from '../../index';
import { DomainError } from '../../kernel';
import { ConsoleFile } from './console-files';

export const CONSOLE_FILES = Symbol('ConsoleFiles');

/**
 * The page loads from this host and asks this host, and nothing else: no inline script or style, no frame around it, no text that is
 * made into HTML (trusted types without any policy).
 */
const HEADERS: Readonly<Record<string, string>> = {
  'Content-Security-Policy': [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "connect-src 'self'",
    "img-src 'self' data:",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
    "require-trusted-types-for 'script'",
    "trusted-types 'none'",
  ].join('; '),
  'X-Content-Type-Options': 'nosniff',
  'X-Frame-Options': 'DENY',
  'Referrer-Policy': 'no-referrer',
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Resource-Policy': 'same-origin',
  // Kept, but asked for each time: after an upgrade nobody runs an old page against a new service.
  'Cache-Control': 'no-cache',
};

/** The console: a page and its parts, for everybody. It holds nothing; what it shows, it asks the API for with its reader's token. */
@Controller('console')
@UseFilters(ErrorFilter)
@ApiExcludeController()
export class ConsoleController {
  constructor(
    @Inject(CONSOLE_FILES) private readonly files: ReadonlyMap<string, ConsoleFile>,
    private readonly adapterHost: HttpAdapterHost,
  ) {}

  /** The page names its parts relative to its own address, which must end in a slash; it may lie below any prefix. */
  @Get()
  redirect(@Res() response: object): void {
    const { httpAdapter } = this.adapterHost;
    httpAdapter.setHeader(response, 'Location', 'console/');
    httpAdapter.reply(response, '', 308);
  }

  // Not `:file`, which on Fastify is never empty: /console/ is the page itself.
  @Get('*')
  file(@Req() request: HttpRequest, @Res() response: object): void {
    const [, name = ''] = /^[^?]*\/console\/([^?]*)/.exec(request.url) ?? [];
    this.send(name === '' ? 'index.html' : name, request, response);
  }

  private send(name: string, request: HttpRequest, response: object): void {
    const file = this.files.get(name);
    if (file === undefined) throw new DomainError('NotFound', 'There is nothing at this path.');
    const { httpAdapter } = this.adapterHost;
    const known = request.headers['if-none-match'] === file.etag;
    for (const [header, value] of Object.entries({ ...HEADERS, 'Content-Type': file.type, ETag: file.etag }))
      httpAdapter.setHeader(response, header, value);
    httpAdapter.reply(response, known ? '' : file.content, known ? 304 : 200);
  }
}
