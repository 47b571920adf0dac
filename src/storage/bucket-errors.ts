/** What a failed request to the bucket means: unavailable for now, or misconfigured until a setting is changed. */
import { S3ServiceException } from '@aws-sdk/client-s3';
import { StorageMisconfigured, StorageUnavailable } from './blob-store.ts';

const statusOf = (error: unknown) => (error instanceof S3ServiceException ? error.$metadata.httpStatusCode : undefined);

export function unavailable(error: unknown): StorageUnavailable {
  if (error instanceof StorageUnavailable) return error;
  const status = statusOf(error);
  const reason = error instanceof Error ? ('code' in error ? String(error.code) : error.name) : 'unknown';
  return new StorageUnavailable(`The bucket cannot be used now: ${reason}${status ? `, status ${status}` : ''}.`);
}

/** The setting that is wrong, as far as the bucket's answer shows; undefined for any other failure. */
export function misconfiguration(error: unknown, bucket: string): StorageMisconfigured | undefined {
  const { name } = error instanceof Error ? error : { name: '' };
  const status = statusOf(error);
  if (status === 404)
    return new StorageMisconfigured(`S3_BUCKET: there is no bucket ${bucket}. Create it, or set the name of another.`);
  if (status === 301) return new StorageMisconfigured(`S3_REGION: the bucket ${bucket} is in another region.`);
  if (status === 401 || status === 403) {
    return new StorageMisconfigured(
      `S3_ACCESS_KEY_ID: these credentials give no access to the bucket ${bucket} (${name}).`,
    );
  }
  if (name === 'CredentialsProviderError') {
    return new StorageMisconfigured(
      'S3_ACCESS_KEY_ID: is not set, and the AWS SDK finds no other credentials. Set it and S3_SECRET_ACCESS_KEY.',
    );
  }
  return undefined;
}
