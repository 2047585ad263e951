import type { S3Client, S3ClientConfig } from '@aws-sdk/client-s3';
import { Readable } from 'node:stream';
import { Credentials, validationError } from '../../kernel';
import type { HttpConnect } from '../http-connect';

/** What credentials of an `s3://` location may be called. */
const KEYS = ['access_key_id', 'secret_access_key', 'session_token', 'region'] as const;

/** Where nobody says otherwise. Services other than Amazon's mostly take any, or this one. */
const DEFAULT_REGION = 'us-east-1';

/** Answers that are no objects: listings of up to 1000 names, errors, results. */
const MAX_ANSWER_BYTES = 8 * 1024 * 1024;

export interface S3Access {
  readonly endpoint: string;
  /** None: the bucket is asked without a signature, as anybody may. */
  readonly keys: { readonly accessKeyId: string; readonly secretAccessKey: string; readonly sessionToken?: string } | undefined;
  readonly region: string;
}

/** @throws DomainError `ValidationError` for credentials of which something is missing or unknown. Nothing of them is repeated. */
export function s3Access(endpoint: string | undefined, credentials: Credentials | undefined): S3Access {
  const given = new Map([...(credentials ?? [])].map(([name, secret]) => [name, secret.reveal()]));
  if ([...given.keys()].some((name) => !KEYS.some((known) => known === name))) {
    throw validationError(`credentials of an s3:// location are ${KEYS.join(', ')}, and nothing else`);
  }
  const [accessKeyId, secretAccessKey, sessionToken, region] = KEYS.map((name) => given.get(name));
  if ((accessKeyId === undefined) !== (secretAccessKey === undefined) || (sessionToken !== undefined && accessKeyId === undefined)) {
    throw validationError('credentials of an s3:// location need access_key_id and secret_access_key, both or neither');
  }
  if (region !== undefined && !/^[A-Za-z0-9][A-Za-z0-9-]{0,62}$/.test(region)) throw validationError('the region of an s3:// location is not the name of a region');
  const url = endpoint ?? 'https://s3.amazonaws.com';
  return {
    endpoint: url,
    region: region ?? regionOf(new URL(url).hostname),
    keys:
      accessKeyId === undefined || secretAccessKey === undefined
        ? undefined
        : { accessKeyId, secretAccessKey, ...(sessionToken === undefined ? {} : { sessionToken }) },
  };
}

function regionOf(host: string): string {
  return /^s3[.-](?:dualstack\.)?([a-z]{2}(?:-[a-z]+)+-[0-9])\.amazonaws\.com(?:\.cn)?$/.exec(host)?.[1] ?? DEFAULT_REGION;
}

/**
 * A client of the SDK that takes nothing from its surroundings: no variables, no files, no metadata service. Everything that the SDK would look up
 * there is given here. It never retries; whoever wraps the store does.
 */
export async function s3Client({ endpoint, keys, region }: S3Access, http: HttpConnect): Promise<S3Client> {
  // The version is pinned. What later ones will need of Node.js is no news here, and standard error holds lines of JSON.
  process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED ??= 'true';
  const { S3Client: Client } = await import('@aws-sdk/client-s3');
  const config: S3ClientConfig = {
    endpoint,
    region,
    credentials: keys ?? { accessKeyId: '', secretAccessKey: '' },
    ...(keys === undefined ? { signer: UNSIGNED } : {}),
    requestHandler: requestHandler(http),
    forcePathStyle: true,
    maxAttempts: 1,
    retryMode: 'standard',
    defaultsMode: 'standard',
    ignoreConfiguredEndpointUrls: true,
    useFipsEndpoint: false,
    useDualstackEndpoint: false,
    useAccelerateEndpoint: false,
    useArnRegion: false,
    followRegionRedirects: false,
    disableMultiregionAccessPoints: true,
    disableS3ExpressSessionAuth: true,
    // What is sent is signed with its SHA-256, which every service checks; the SDK's own checksums are not known to all of them.
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    authSchemePreference: ['aws.auth#sigv4'],
    sigv4aSigningRegionSet: [region],
    userAgentAppId: undefined,
    expectContinueHeader: false,
  };
  return new Client(config);
}

type RequestHandler = S3Client['config']['requestHandler'];
type SdkRequest = Parameters<RequestHandler['handle']>[0];

const UNSIGNED = { sign: async (request: SdkRequest): Promise<SdkRequest> => request };

/** The SDK's requests go out as all others do. */
function requestHandler(http: HttpConnect): RequestHandler {
  return {
    metadata: { handlerProtocol: 'http/1.1' },
    handle: async (request: SdkRequest, options?: { readonly abortSignal?: unknown }) => {
      const signal = options?.abortSignal as AbortSignal | undefined;
      const { status, headers, body } = await http.request(urlOf(request), {
        method: request.method,
        headers: request.headers,
        ...(request.body === undefined ? {} : { body: request.body as Readable | Uint8Array }),
        ...(signal === undefined ? {} : { signal }),
        ...(request.query?.['x-id'] === 'GetObject' ? {} : { maxBodyBytes: MAX_ANSWER_BYTES }),
      });
      const flat = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, String(value)]));
      return { response: { statusCode: status, headers: flat, body } };
    },
    updateHttpClientConfig: () => undefined,
    httpHandlerConfigs: () => ({}),
    destroy: () => undefined,
  };
}

/** The query is spelt as the signature spells it. */
function urlOf({ protocol, hostname, port, path, query = {} }: SdkRequest): URL {
  const parameters = Object.entries(query).flatMap(([name, value]) =>
    (Array.isArray(value) ? value : [value ?? '']).map((one) => `${escaped(name)}=${escaped(String(one))}`),
  );
  return new URL(`${protocol}//${hostname}${port === undefined ? '' : `:${port}`}${path}${parameters.length > 0 ? `?${parameters.join('&')}` : ''}`);
}

function escaped(text: string): string {
  return encodeURIComponent(text).replace(/[!'()*]/g, (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`);
}
