import middy from '@middy/core';
import { invocationMiddleware } from '../lib/adapters/scf/invocation';
import { systemClock } from '../lib/adapters/system';
import { reconcile } from '../lib/app/reconcile';
import { composeReplication } from './compose';

const { ports, log, begin } = composeReplication();

/** Invoked by a timer, and once after every change of triggers. */
export const main_handler = middy(async () => {
  const report = await reconcile(ports);
  log.info('reconciled', { ...report });
  return report;
}).use(invocationMiddleware(begin, log, systemClock.now));
