import type { IncomingMessage, ServerResponse } from 'node:http';
import path from 'node:path';
import { type Account, type LocalCos, openLocalCos, type PendingEvent } from './cos/local-cos';
import { parsePolicy, type Policy } from './cos/access/policy';
import { cosClient, ensureBucket } from './cos-client';
import { cosDocuments } from './cos-control';
import { type DataFolder, dataFolderUnusable, openDataFolder } from './data-folder';
import { createEventDelivery } from './deliver-events';
import { createDeployedFunctions } from './deployed-functions';
import { deploymentOf, homeRegion } from './deployment';
import { type CertificateAuthority, openCertificateAuthority } from './gateway/certificate-authority';
import { openOnePort } from './gateway/one-port';
import { type ControlPlane, createControlPlane } from './control-plane/control-plane';
import { type OpenTable, tablesIn } from './kept-map';
import { LocalCloudError, messageOf } from './local-cloud-error';
import { routeOf, type RouteTable } from './route';
import { createCallers } from './network/callers';
import { type CosNetwork, createCosNetwork } from './network/cos-network';
import type { NetworkSettings } from './network/network-settings';
import type { FaultPlan } from './faults/fault-plan';
import {
  type ControlDocuments,
  logDocument,
  networkDocuments,
  serveControl,
  triggersDocument,
  unknownsDocument,
} from './control-endpoint';
import { createRecentLog } from './recent-log';
import { serveFunctionUrl } from './scf/function-url';
import { type InvocationReport, type ScfHost, startScfHost } from './scf/host';
import type { FunctionLog } from './scf/instance';
import { createTriggerTable, type TriggerTable } from './scf/trigger-table';
import { defaultUnknowns, type Unknowns } from './unknowns';
import { startTimers } from './scf/timer-trigger';

export interface LocalCloudSettings {
  /** On 127.0.0.1; 0: any free one. */
  readonly port: number;
  /** Kept over restarts; without it a temporary folder, removed by `close`. */
  readonly dataDir?: string;
  /** The built functions, `<name>.js`. */
  readonly functionsDir: string;
  /** `false`: nothing is deployed at the start; `sls deploy` does it. */
  readonly builtFunctions?: boolean;
  /** The built bootstrap of the function host; by default where the build puts it beside the functions. */
  readonly bootstrap?: string;
  readonly onLog?: (log: FunctionLog) => void;
  readonly onInvocation?: (report: InvocationReport) => void;
  /** Told of what the platform writes to the functions' logs. */
  readonly onPlatformLog?: (log: FunctionLog) => void;
  /** What all functions together may use at once. */
  readonly accountMemoryMb?: number;
  /** Told of each change of a bucket, once it is committed. */
  readonly onCommit?: (event: PendingEvent) => void;
  /** What goes wrong inside the local cloud itself. */
  readonly onProblem?: (error: unknown) => void;
  /** Delay before an asynchronous event is tried again; a minute on SCF. */
  readonly retryDelayMs?: number;
  readonly idleMs?: number;
  readonly configLifetimeSeconds?: number;
  readonly rulesSettleMs?: number;
  readonly roleKeySeconds?: number;
  /** More variables for every function. */
  readonly environment?: Readonly<Record<string, string>>;
  /** What goes wrong between COS and its callers, and on the way of events. */
  readonly faults?: FaultPlan;
  /** How far regions are apart, and how much they take. */
  readonly network?: NetworkSettings;
  /** How this cloud behaves where nobody knows how the real one does. */
  readonly unknowns?: Unknowns;
  /** How long a change of a function takes in the control plane. */
  readonly functionSettleMs?: number;
  /** Another COS than the real local one. */
  readonly openCos?: typeof openLocalCos;
}

/** A running local cloud: COS, the functions, and one HTTP port for both. */
export interface LocalCloud {
  readonly port: number;
  readonly cos: LocalCos;
  readonly scf: ScfHost;
  readonly network: CosNetwork;
  /** Of the functions that are there at the start; those of the control plane are its own. */
  readonly triggers: TriggerTable;
  readonly controlPlane: ControlPlane;
  /** The account that everything is deployed in. */
  readonly account: Account;
  readonly region: string;
  readonly stateBucket: string;
  readonly masterSecret: string;
  readonly dataDir: string;
  /** The certificate that a client trusts to speak TLS with this cloud, PEM. */
  readonly caFile: string;
  /** Ends every process and removes a temporary folder. What was acknowledged and not done is done at the next start. */
  readonly close: () => Promise<void>;
}

const retryDelayMsDefault = 1000;
const configLifetimeSecondsDefault = 1;
const rulesSettleMsDefault = 50;
const roleKeySecondsDefault = 7200;

/** Starts everything or nothing: a failure leaves no process, port or temporary folder behind. */
export async function startLocalCloud(settings: LocalCloudSettings): Promise<LocalCloud> {
  const undo: (() => unknown)[] = [];
  const close = async (): Promise<void> => {
    for (let step = undo.pop(); step; step = undo.pop()) await step();
  };
  try {
    return await start(settings, undo, close);
  } catch (error) {
    await close();
    throw error;
  }
}

async function start(
  settings: LocalCloudSettings,
  undo: (() => unknown)[],
  close: () => Promise<void>,
): Promise<LocalCloud> {
  const onProblem = settings.onProblem ?? (() => {});
  // The port first: if another local cloud has it, nothing else is touched.
  let handle = (_request: IncomingMessage, response: ServerResponse): void =>
    sayNo(response, 503, 'The local cloud is starting.');
  let authority: CertificateAuthority | undefined;
  const onePort = await openOnePort({
    port: settings.port,
    handle: (request, response) => handle(request, response),
    contextFor: (serverName) =>
      authority
        ? authority.contextFor(serverName)
        : Promise.reject(new Error('The local cloud is starting.')),
  });
  const { port } = onePort;
  undo.push(() => onePort.close());

  const folder = openDataFolder(settings.dataDir);
  undo.push(() => folder.discard());
  const { file: caFile } = (authority = await openAuthority(folder));
  const cos = await openCos(folder, settings.openCos ?? openLocalCos);
  undo.push(() => cos.close());
  // Requests end before what they work on is closed.
  undo.push(() => onePort.close());

  const [account] = cos.accounts;
  const callers = createCallers();
  let unknowns = settings.unknowns ?? defaultUnknowns;
  const network = createCosNetwork({
    handle: (request, response, circumstances) =>
      cos.handle(request, response, { ...unknowns, ...circumstances }),
    callerOf: callers.of,
    functionRegion: homeRegion,
  });
  undo.push(() => network.close());
  if (settings.faults) network.setPlan(settings.faults);
  if (settings.network) network.setSettings(settings.network);
  const deployment = deploymentOf({
    functionsDir: settings.functionsDir,
    builtFunctions: settings.builtFunctions ?? true,
    account,
    masterSecret: folder.masterSecret,
    roleKey: (name) => {
      const seconds = settings.roleKeySeconds ?? roleKeySecondsDefault;
      const key = cos.issueTemporaryKey(account, { name, seconds });
      callers.note(key.secretId, name);
      return key;
    },
    retryDelayMs: settings.retryDelayMs ?? retryDelayMsDefault,
    configLifetimeSeconds: settings.configLifetimeSeconds ?? configLifetimeSecondsDefault,
    rulesSettleMs: settings.rulesSettleMs ?? rulesSettleMsDefault,
    ...(settings.environment ? { environment: settings.environment } : {}),
  });
  const recentLog = createRecentLog(Date.now);
  const scf = startScfHost(deployment.functions, {
    bootstrap: settings.bootstrap ?? path.resolve(settings.functionsDir, '..', 'local', 'bootstrap.cjs'),
    cloudPort: port,
    onLog: (log) => {
      recentLog.add('function', log);
      settings.onLog?.(log);
    },
    onPlatformLog: (log) => {
      recentLog.add('platform', log);
      settings.onPlatformLog?.(log);
    },
    ...(settings.accountMemoryMb === undefined ? {} : { accountMemoryMb: settings.accountMemoryMb }),
    ...(settings.onInvocation ? { onInvocation: settings.onInvocation } : {}),
    ...(settings.idleMs === undefined ? {} : { idleMs: settings.idleMs }),
  });
  undo.push(() => scf.close());
  const deployed = createDeployedFunctions({
    account: { appid: account.appid, uin: account.uin },
    dir: path.join(folder.dir, 'deployed'),
    host: scf,
    roleKey: (name, role) => {
      const policies = (): readonly Policy[] =>
        (controlPlane.policiesOf(role) ?? []).flatMap((text) => {
          const policy = parsePolicy(text);
          return policy ? [policy] : [];
        });
      const seconds = settings.roleKeySeconds ?? roleKeySecondsDefault;
      const key = cos.issueTemporaryKey(account, { name, seconds, policies });
      callers.note(key.secretId, name);
      return key;
    },
    retryDelayMs: settings.retryDelayMs ?? retryDelayMsDefault,
    onProblem,
  });
  undo.push(() => deployed.stop());
  const openTable = keptIn(folder);
  const controlPlane: ControlPlane = createControlPlane({
    openTable,
    onFunction: deployed.changed,
    invoke: (name, event) => scf.enqueue(name, event),
    findKey: (secretId) => cos.findKey(secretId),
    issueTemporaryKey: ({ appid }, options) =>
      cos.issueTemporaryKey(cos.accounts.find((each) => each.appid === appid) ?? account, options),
    ...(settings.functionSettleMs === undefined ? {} : { settleMs: settings.functionSettleMs }),
  });
  const triggers = createTriggerTable(
    deployment.cosTriggers,
    () => deployment.functions,
    openTable('bucket-triggers'),
  );
  const documents = {
    ...networkDocuments(network),
    ...cosDocuments(cos),
    unknowns: unknownsDocument(
      () => unknowns,
      (next) => (unknowns = next),
    ),
    triggers: triggersDocument(triggers),
    log: logDocument(recentLog),
  };
  handle = (request, response) =>
    serve(request, response, {
      controlPlane,
      cos,
      network,
      documents,
      scf,
      withUrl: () => [...deployment.withUrl, ...deployed.withUrl()],
      onProblem,
    });

  // A deployment makes its own.
  if (settings.builtFunctions ?? true) await makeStateBucket(port, account, deployment.stateBucket);
  const delivery = createEventDelivery({
    shape: () => unknowns,
    cos,
    scf,
    triggers: {
      matching: (change) => [
        ...triggers.matching(change),
        ...controlPlane.functions.cosTriggers.matching(change),
      ],
    },
    faultOf: (event) => network.faults().forEvent(event),
    onProblem,
    ...(settings.onCommit ? { onCommit: settings.onCommit } : {}),
  });
  undo.push(() => delivery.stop());
  await delivery.start();
  const timers = startTimers(deployment.timers, (name, event) => {
    if (!scf.enqueue(name, event))
      onProblem(new Error(`The queue of "${name}" is full: a timer event was dropped.`));
  });
  undo.push(() => timers.stop());

  const { masterSecret, dir } = folder;
  const { stateBucket } = deployment;
  const region = homeRegion;
  return {
    port,
    cos,
    scf,
    network,
    triggers,
    controlPlane,
    account,
    region,
    stateBucket,
    masterSecret,
    dataDir: dir,
    caFile,
    close,
  };
}

async function makeStateBucket(port: number, account: Account, bucket: string): Promise<void> {
  await ensureBucket(cosClient(port, account), bucket, homeRegion).catch((error: unknown) => {
    const message = `The state bucket could not be made: ${messageOf(error)}.`;
    throw new LocalCloudError('SETUP_FAILED', message, error);
  });
}

async function openAuthority(folder: DataFolder): Promise<CertificateAuthority> {
  try {
    return await openCertificateAuthority(folder.dir, Date.now());
  } catch (error) {
    throw dataFolderUnusable(folder.dir, error);
  }
}

async function openCos(folder: DataFolder, open: typeof openLocalCos): Promise<LocalCos> {
  try {
    return await open({ dataDir: folder.cosDir });
  } catch (error) {
    throw dataFolderUnusable(folder.dir, error);
  }
}

/** What was asked of the control plane outlives a restart, as the events do that wait for its functions. */
function keptIn(folder: DataFolder): OpenTable {
  const open = tablesIn(path.join(folder.dir, 'control-plane'));
  return (name) => {
    try {
      return open(name);
    } catch (error) {
      throw dataFolderUnusable(folder.dir, error);
    }
  };
}

interface Serving {
  readonly controlPlane: ControlPlane;
  readonly cos: LocalCos;
  readonly network: CosNetwork;
  readonly documents: ControlDocuments;
  readonly scf: ScfHost;
  readonly withUrl: () => RouteTable['functions'];
  readonly onProblem: (error: unknown) => void;
}

function serve(request: IncomingMessage, response: ServerResponse, serving: Serving): void {
  const { cos, scf, withUrl } = serving;
  const route = routeOf(request, { isCosHost: (host) => cos.isCosHost(host), functions: withUrl() });
  switch (route.kind) {
    case 'cos':
      return serving.network.serve(request, response);
    case 'control':
      serveControl(serving.documents, route.name, request, response).catch(() => response.destroy());
      return;
    case 'cloudApi':
      return serving.controlPlane.serve(route.service, request, response);
    case 'function':
      serveFunctionUrl(request, response, route, (event) => scf.invoke(route.name, event)).catch(
        (error: unknown) => {
          // The client is gone in the middle of its request, or there is a fault here.
          if (!request.destroyed || request.complete) serving.onProblem(error);
          response.destroy();
        },
      );
      return;
    case 'refused':
      return sayNo(response, route.status, route.message);
  }
}

function sayNo(response: ServerResponse, status: number, message: string): void {
  response.writeHead(status, { 'Content-Type': 'text/plain; charset=utf-8' }).end(`${message}\n`);
}
