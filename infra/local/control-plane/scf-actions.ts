import { z } from 'zod';
import { triggersPerFunctionMax } from '../scf/trigger-table';
import {
  accountMemoryMbMax,
  environmentProblems,
  eventAgeMsMax,
  retriesMax,
  secondsPerInvocationMax,
} from '../scf/limits';
import { ApiError } from './api-error';
import type { CamState } from './cam-actions';
import type { Action } from './control-plane';
import { namespace, placeOf, placeParams, regionOf } from './function-place';
import type { FunctionRegistry, RegisteredFunction } from './function-registry';
import { readParams, wholeNumber } from './params';
import { triggerActions } from './trigger-actions';

/**
 * SCF 2018-04-16, as far as a deployment calls it. https://cloud.tencent.com/document/api/583/17235
 */
export function scfActions(
  functions: FunctionRegistry,
  cam: CamState,
  invoke: (name: string, event: unknown) => boolean,
): Readonly<Record<string, Action>> {
  return {
    CreateFunction: (call) => {
      const params = readParams(createParams, call.params);
      const role = checkedRole(cam, params.Role ?? '');
      functions.create({
        name: params.FunctionName,
        region: regionOf(call),
        namespace: params.Namespace,
        runtime: params.Runtime,
        handler: params.Handler,
        code: codeOf(params.Code),
        description: params.Description ?? '',
        memoryMb: params.MemorySize ?? memoryMbDefault,
        timeoutSeconds: params.Timeout ?? timeoutSecondsDefault,
        role,
        environment: environmentOf(params.Environment),
        triggers: [],
        retryNum: retriesMax,
        messageTtlSeconds: eventAgeMsMax / 1000,
        reservedMemoryMb: undefined,
      });
      return {};
    },
    UpdateFunctionCode: (call) => {
      const params = readParams(updateCodeParams, call.params);
      const { Handler } = params;
      const code = codeOf(params.Code ?? params);
      functions.update(placeOf(call, params), {
        code,
        ...(Handler === undefined ? {} : { handler: Handler }),
      });
      return {};
    },
    UpdateFunctionConfiguration: (call) => {
      const params = readParams(configurationParams, call.params);
      const place = placeOf(call, params);
      const { runtime } = functions.get(place);
      if (params.Runtime !== undefined && params.Runtime !== runtime)
        throw new ApiError('InvalidParameterValue.Runtime', `The runtime cannot change from ${runtime}.`);
      functions.update(place, {
        ...(params.Description === undefined ? {} : { description: params.Description }),
        ...(params.MemorySize === undefined ? {} : { memoryMb: params.MemorySize }),
        ...(params.Timeout === undefined ? {} : { timeoutSeconds: params.Timeout }),
        ...(params.Role === undefined ? {} : { role: checkedRole(cam, params.Role) }),
        ...(params.Environment === undefined ? {} : { environment: environmentOf(params.Environment) }),
      });
      return {};
    },
    GetFunction: (call) => {
      const place = placeOf(call, readParams(placeParams, call.params));
      return shownFunction(functions.get(place), functions.statusOf(place));
    },
    ListFunctions: (call) => {
      const params = readParams(listParams, call.params);
      const all = functions
        .list(regionOf(call))
        .filter((scf) => scf.namespace === params.Namespace && scf.name.includes(params.SearchKey));
      const page = all.slice(params.Offset, params.Offset + params.Limit);
      return {
        Functions: page.map((scf) => {
          const { FunctionName, Namespace, Runtime, Description, AddTime, ModTime, Status } = shownFunction(
            scf,
            functions.statusOf(scf),
          );
          return { FunctionName, Namespace, Runtime, Description, AddTime, ModTime, Status };
        }),
        TotalCount: all.length,
      };
    },
    DeleteFunction: (call) => {
      const place = placeOf(call, readParams(placeParams, call.params));
      functions.remove(place);
      for (const trigger of functions.cosTriggers.list())
        if (trigger.functionName === place.name && trigger.region === place.region)
          functions.cosTriggers.unbind(trigger);
      return {};
    },
    UpdateFunctionEventInvokeConfig: (call) => {
      const params = readParams(eventInvokeParams, call.params);
      const { RetryConfig, MsgTTL } = params.AsyncTriggerConfig;
      const [retry] = RetryConfig;
      functions.set(placeOf(call, params), {
        ...(retry === undefined ? {} : { retryNum: retry.RetryNum }),
        messageTtlSeconds: MsgTTL,
      });
      return {};
    },
    GetFunctionEventInvokeConfig: (call) => {
      const scf = functions.get(placeOf(call, readParams(placeParams, call.params)));
      return {
        AsyncTriggerConfig: { RetryConfig: [{ RetryNum: scf.retryNum }], MsgTTL: scf.messageTtlSeconds },
      };
    },
    PutReservedConcurrencyConfig: (call) => {
      const params = readParams(reservedParams, call.params);
      functions.set(placeOf(call, params), { reservedMemoryMb: params.ReservedConcurrencyMem });
      return {};
    },
    GetReservedConcurrencyConfig: (call) => {
      const { reservedMemoryMb } = functions.get(placeOf(call, readParams(placeParams, call.params)));
      return reservedMemoryMb === undefined ? {} : { ReservedMem: reservedMemoryMb };
    },
    DeleteReservedConcurrencyConfig: (call) => {
      functions.set(placeOf(call, readParams(placeParams, call.params)), { reservedMemoryMb: undefined });
      return {};
    },
    // https://cloud.tencent.com/document/api/583/53437
    GetAccount: (call) => ({
      AccountUsage: {
        NamespacesCount: 1,
        UserConcurrencyMemLimit: accountMemoryMbMax,
        Namespace: [{ Namespace: 'default', FunctionsCount: functions.list(regionOf(call)).length }],
      },
      AccountLimit: {
        NamespacesCount: 1,
        Namespace: [
          {
            Namespace: 'default',
            TimeoutLimit: secondsPerInvocationMax,
            RetryNumLimit: retriesMax,
            MinMsgTTL: messageSecondsMin,
            MaxMsgTTL: eventAgeMsMax / 1000,
            Trigger: { Cos: triggersPerFunctionMax },
          },
        ],
      },
    }),
    Invoke: (call) => {
      const params = readParams(invokeParams, call.params);
      const { name } = functions.get(placeOf(call, params));
      if (!invoke(name, JSON.parse(params.ClientContext) as unknown))
        throw new ApiError('RequestLimitExceeded', 'The queue of the function is full.');
      return { Result: { FunctionRequestId: '', InvokeResult: 0 } };
    },
    ...triggerActions(functions),
  };
}

const memoryMbDefault = 128;
const timeoutSecondsDefault = 3;

/** The documented list, and `Nodejs20.19`, which is in wide use but confirmed nowhere. */
const runtimes = [
  'Nodejs12.16',
  'Nodejs14.18',
  'Nodejs16.13',
  'Nodejs18.15',
  'Nodejs20.19',
  'CustomRuntime',
] as const;

const environment = z.object({
  Variables: z.array(z.object({ Key: z.string(), Value: z.string() })).default([]),
});
const memorySize = wholeNumber.refine((mb) => mb === 64 || (mb >= 128 && mb <= 3072 && mb % 128 === 0), {
  message: 'it is 64, or 128 to 3072 in steps of 128',
});
const timeout = wholeNumber.min(1).max(secondsPerInvocationMax);
const handler = z.string().regex(/^[\w-]+\.[\w-]+$/);
const code = z.object({
  CosBucketName: z.string().optional(),
  CosObjectName: z.string().optional(),
  CosBucketRegion: z.string().optional(),
  ZipFile: z.string().optional(),
});

/** What may be given on creation and changed later. */
const settings = {
  Description: z.string().max(1000).optional(),
  MemorySize: memorySize.optional(),
  Timeout: timeout.optional(),
  Role: z.string().optional(),
  Environment: environment.optional(),
};
const createParams = placeParams.extend({
  Code: code,
  Runtime: z.enum(runtimes),
  Handler: handler,
  ...settings,
});
const updateCodeParams = placeParams.extend({
  ...code.shape,
  Code: code.optional(),
  Handler: handler.optional(),
});
const configurationParams = placeParams.extend({
  Runtime: z.string().optional(),
  ...settings,
});
const listParams = z.object({
  Namespace: namespace,
  Offset: wholeNumber.min(0).default(0),
  Limit: wholeNumber.min(1).max(100).default(20),
  SearchKey: z.string().default(''),
});
const messageSecondsMin = 60;
const eventInvokeParams = placeParams.extend({
  AsyncTriggerConfig: z.object({
    RetryConfig: z.array(z.object({ RetryNum: wholeNumber.min(0).max(retriesMax) })),
    MsgTTL: wholeNumber.min(messageSecondsMin).max(eventAgeMsMax / 1000),
  }),
});
/** Only the one that waits for nothing. */
const invokeParams = placeParams.extend({
  InvocationType: z.literal('Event'),
  ClientContext: z.string().default('{}'),
});
const reservedParams = placeParams.extend({ ReservedConcurrencyMem: wholeNumber.min(0) });

function codeOf(given: z.output<typeof code>): RegisteredFunction['code'] {
  const { CosBucketName = '', CosObjectName = '', CosBucketRegion = '', ZipFile = '' } = given;
  if (ZipFile === '' && (CosBucketName === '' || CosObjectName === ''))
    throw new ApiError('InvalidParameterValue.Code', 'There is neither a ZipFile nor an object in COS.');
  return {
    cosBucketName: CosBucketName,
    cosObjectName: CosObjectName,
    cosBucketRegion: CosBucketRegion,
    zipFile: ZipFile,
  };
}

function environmentOf(given: z.output<typeof environment> | undefined): Readonly<Record<string, string>> {
  const variables = Object.fromEntries((given?.Variables ?? []).map(({ Key, Value }) => [Key, Value]));
  const [problem] = environmentProblems(variables);
  if (problem !== undefined)
    throw new ApiError('InvalidParameterValue.Environment', `Of this function, ${problem}.`);
  return variables;
}

function checkedRole(cam: CamState, role: string): string {
  if (role !== '' && !cam.roles.has(role))
    throw new ApiError('ResourceNotFound.Role', `The role ${role} does not exist.`);
  return role;
}

function shownFunction(scf: RegisteredFunction, status: string) {
  return {
    FunctionName: scf.name,
    Namespace: scf.namespace,
    Runtime: scf.runtime,
    Handler: scf.handler,
    Description: scf.description,
    MemorySize: scf.memoryMb,
    Timeout: scf.timeoutSeconds,
    Role: scf.role,
    Environment: { Variables: Object.entries(scf.environment).map(([Key, Value]) => ({ Key, Value })) },
    Status: status,
    StatusDesc: '',
    AddTime: timeText(scf.addedAtMs),
    ModTime: timeText(scf.modifiedAtMs),
    Triggers: scf.triggers.map(({ type, triggerName, triggerDesc, enable }) => ({
      Type: type,
      TriggerName: triggerName,
      TriggerDesc: triggerDesc,
      Enable: enable ? 1 : 0,
    })),
    Tags: [],
    Type: 'Event',
  };
}

/** `2019-02-21 11:49:00`, as the API shows times; in UTC here. */
function timeText(ms: number): string {
  return new Date(ms).toISOString().slice(0, 19).replace('T', ' ');
}
