import middy from '@middy/core';
import { fromResponse, isFunctionUrlEvent, toRequest } from '../lib/adapters/scf/function-url';
import { invocationMiddleware } from '../lib/adapters/scf/invocation';
import { systemClock } from '../lib/adapters/system';
import { createApi } from '../lib/app/api/api';
import { composeRules } from './compose';

const { begin, ...ports } = composeRules();
const api = createApi(ports);

const refusal = { statusCode: 400, headers: {}, body: '' };

/** Invoked by its Function URL. */
export const main_handler = middy(async (event: unknown) => {
  if (!isFunctionUrlEvent(event)) throw new Error('The event is no HTTP request of a Function URL.');
  const request = toRequest(event);
  return request === undefined ? refusal : fromResponse(await api.fetch(request));
}).use(invocationMiddleware(begin, ports.log, systemClock.now));
