import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';

/** Answers one request to `<service>.tencentcloudapi.com`. It reads the body itself: a signature is over its bytes. */
export type ServeCloudApi = (service: string, request: IncomingMessage, response: ServerResponse) => void;

/** An error as Tencent Cloud's API answers it, with status 200. https://cloud.tencent.com/document/api/583/17242 */
export function cloudApiError(code: string, message: string): { readonly Response: object } {
  return { Response: { Error: { Code: code, Message: message }, RequestId: randomUUID() } };
}

export function sendCloudApi(response: ServerResponse, answer: { readonly Response: object }): void {
  response.writeHead(200, { 'Content-Type': 'application/json' }).end(JSON.stringify(answer));
}
