import { DomainError, isDomainError } from '../../kernel';

/** What of an error of the SDK is looked at. */
interface ServiceError {
  readonly name: string;
  readonly $metadata?: { readonly httpStatusCode?: number };
  readonly $response?: { readonly headers?: Readonly<Record<string, string>> };
}

/** What the services call no room: Ceph, MinIO and Swift each in their own way. */
const FULL = new Set(['QuotaExceeded', 'QuotaExceededException', 'XMinioStorageFull', 'XMinioAdminBucketQuotaExceeded', 'InsufficientCapacity', 'EntityTooLarge']);

const MESSAGES: Readonly<Record<string, string>> = {
  InvalidAccessKeyId: 'the S3 service does not know the access key',
  SignatureDoesNotMatch: 'the S3 service refuses the access key or the secret access key',
  InvalidToken: 'the S3 service refuses the session token',
  ExpiredToken: 'the S3 credentials have expired',
  TokenRefreshRequired: 'the S3 credentials have expired',
  RequestTimeTooSkewed: "this machine's clock and the S3 service's differ too much",
  NoSuchBucket: 'there is no such bucket',
  InvalidBucketName: 'the S3 service does not take the name of the bucket',
  AllAccessDisabled: 'the S3 service has disabled all access to the bucket',
  InvalidObjectState: 'the object is in an archive tier of the S3 service and has to be restored there first',
};

/** Is this an answer that says that there is no such object? A missing bucket is something else. */
export function isMissing(error: unknown): boolean {
  const { name, $metadata } = error as ServiceError;
  return name === 'NoSuchKey' || (name !== 'NoSuchBucket' && $metadata?.httpStatusCode === 404);
}

/** Does the object end before the range that was asked for? */
export function isBehindEnd(error: unknown): boolean {
  return (error as ServiceError).$metadata?.httpStatusCode === 416;
}

/** An error of the SDK as ours. Of what the service says only the code is kept for the log: the rest repeats keys and what was signed. */
export function s3Error(error: unknown): DomainError {
  if (isDomainError(error)) return error;
  const { name, $metadata, $response } = error as ServiceError;
  const status = $metadata?.httpStatusCode ?? 0;
  const options = { cause: new Error(`${/^\w{1,64}$/.test(name) ? name : 'an error'} (status ${status})`) };
  if (FULL.has(name) || status === 413 || status === 507) return new DomainError('StorageFull', 'no room left in the bucket', options);
  const message = MESSAGES[name];
  if (message !== undefined) return new DomainError('StorageError', message, options);
  const region = $response?.headers?.['x-amz-bucket-region'];
  if (status === 301 || status === 307 || name === 'AuthorizationHeaderMalformed') {
    const where = region !== undefined && /^[a-z0-9-]{1,40}$/.test(region) ? ` (${region})` : '';
    return new DomainError('StorageError', `the bucket lies in another region${where}: name that region's endpoint, and the region in the credentials`, options);
  }
  if (status === 401 || status === 403) return new DomainError('StorageError', 'the S3 credentials do not allow this', options);
  if (status === 408 || status === 429 || status >= 500 || name === 'RequestTimeout' || name === 'BadDigest') return transient(status, $response?.headers, options);
  return new DomainError('StorageError', status === 0 ? "the S3 service's answer could not be read" : `the S3 service refuses the request (${status})`, options);
}

function transient(status: number, headers: Readonly<Record<string, string>> | undefined, options: { cause: unknown }): DomainError {
  const after = Number(headers?.['retry-after']);
  return new DomainError('StorageError', `the S3 service cannot answer at the moment (${status})`, {
    ...options,
    transient: true,
    ...(after > 0 && after <= 3600 ? { retryAfterSeconds: after } : {}),
  });
}
