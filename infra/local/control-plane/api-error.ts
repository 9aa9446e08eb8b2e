/**
 * A refusal of Tencent Cloud's API. The codes of every API are documented
 * (https://cloud.tencent.com/document/api/583/17244); which one answers to which mistake is partly inferred.
 */
export class ApiError extends Error {
  constructor(
    readonly code: string,
    message: string,
  ) {
    super(message);
    this.name = 'ApiError';
  }
}
