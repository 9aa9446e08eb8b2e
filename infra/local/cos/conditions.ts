import { CosError } from './cos-error';
import { lastModifiedMs, type StoredVersion } from './store/entry';

/** The four conditions of a read, or of the source of a copy. */
export interface Conditions {
  readonly ifMatch: string | undefined;
  readonly ifNoneMatch: string | undefined;
  readonly ifModifiedSince: string | undefined;
  readonly ifUnmodifiedSince: string | undefined;
}

export function conditionsOf(
  headers: Readonly<Record<string, string>>,
  prefix: '' | 'x-cos-copy-source-',
): Conditions {
  return {
    ifMatch: headers[`${prefix}if-match`],
    ifNoneMatch: headers[`${prefix}if-none-match`],
    ifModifiedSince: headers[`${prefix}if-modified-since`],
    ifUnmodifiedSince: headers[`${prefix}if-unmodified-since`],
  };
}

/** `notModified` is for reads; the source of a copy fails instead. Fails with PreconditionFailed. */
export function checkConditions(version: StoredVersion, conditions: Conditions): 'proceed' | 'notModified' {
  const { ifMatch, ifNoneMatch, ifModifiedSince, ifUnmodifiedSince } = conditions;
  const modifiedMs = lastModifiedMs(version);
  if (ifMatch !== undefined && !matches(ifMatch, version)) throw new CosError('PreconditionFailed');
  if (
    ifMatch === undefined &&
    ifUnmodifiedSince !== undefined &&
    modifiedMs > Date.parse(ifUnmodifiedSince)
  ) {
    throw new CosError('PreconditionFailed');
  }
  if (ifNoneMatch !== undefined) return matches(ifNoneMatch, version) ? 'notModified' : 'proceed';
  const unmodified = ifModifiedSince !== undefined && modifiedMs <= Date.parse(ifModifiedSince);
  return unmodified ? 'notModified' : 'proceed';
}

function matches(list: string, version: StoredVersion): boolean {
  return list
    .split(',')
    .some((etag) => etag.trim() === '*' || etag.trim().replaceAll('"', '') === version.etag);
}
