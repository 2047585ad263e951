import { NestFastifyApplication } from '@nestjs/platform-fastify';
import { DocumentBuilder, SwaggerModule } from '@nestjs/swagger';
import { PRODUCT_VERSION } from '../index';

const DOCS_PATH = 'docs';

/**
 * What a browser may load and reach from Swagger UI: this host, and nothing else. Its styles are set from scripts, hence the inline
 * ones; its icons are data URLs.
 */
const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data:",
  "font-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

/** `/docs` and `/openapi.json`, for everybody: they hold no secret. */
export function serveOpenApi(app: NestFastifyApplication): void {
  const config = new DocumentBuilder()
    .setTitle('MagnetoDB with backup and restore')
    .setDescription("MagnetoDB's data API, and the management API that backs tables up and restores them.")
    .setVersion(PRODUCT_VERSION)
    .addApiKey({ type: 'apiKey', in: 'header', name: 'X-Auth-Token' }, 'x-auth-token')
    .addBearerAuth()
    .build();
  SwaggerModule.setup(DOCS_PATH, app, () => SwaggerModule.createDocument(app, config, { autoTagControllers: false }), {
    jsonDocumentUrl: 'openapi.json',
  });
  protect(app);
}

function protect(app: NestFastifyApplication): void {
  app
    .getHttpAdapter()
    .getInstance()
    .addHook('onRequest', async (request, reply) => {
      if (!isDocs(request.url)) return;
      reply.headers({
        'Content-Security-Policy': CONTENT_SECURITY_POLICY,
        'X-Content-Type-Options': 'nosniff',
        'Referrer-Policy': 'no-referrer',
      });
    });
}

function isDocs(url: string): boolean {
  const [path = ''] = url.split('?', 1);
  return path === `/${DOCS_PATH}` || path.startsWith(`/${DOCS_PATH}/`);
}
