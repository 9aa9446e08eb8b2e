import middy from '@middy/core';
import { invocationMiddleware } from '../lib/adapters/scf/invocation';
import { systemClock } from '../lib/adapters/system';
import { handleEvent } from '../lib/app/handle-event';
import { composeReplication } from './compose';

const { ports, log, begin } = composeReplication();

/** Invoked by COS triggers; also by hand or by another function with a COS event. */
export const main_handler = middy((event: unknown) => handleEvent(ports, event)).use(
  invocationMiddleware(begin, log, systemClock.now),
);
