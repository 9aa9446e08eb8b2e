import { z } from 'zod';
import { readCron } from '../scf/timer-trigger';
import { type BucketTrigger, triggersPerFunctionMax } from '../scf/trigger-table';
import { functionUrlId } from '../route';
import { ApiError } from './api-error';
import type { Action, Call } from './control-plane';
import { placeOf, placeParams } from './function-place';
import type { FunctionPlace, FunctionRegistry, RegisteredTrigger } from './function-registry';
import { readParams, wholeNumber } from './params';

/** CreateTrigger and its kin. https://cloud.tencent.com/document/api/583/18589 */
export function triggerActions(functions: FunctionRegistry): Readonly<Record<string, Action>> {
  const triggersOf = (place: FunctionPlace) => functions.get(place).triggers;

  return {
    CreateTrigger: (call) => {
      const params = readParams(triggerParams, call.params);
      const place = placeOf(call, params);
      const others = triggersOf(place);
      const same = others.filter(({ type }) => type === params.Type);
      if (same.length >= triggersPerFunctionMax) {
        const message = `The function has ${triggersPerFunctionMax} triggers of the type ${params.Type} already.`;
        throw new ApiError('LimitExceeded.Trigger', message);
      }
      const trigger = newTrigger(params, call, place);
      if (others.some((other) => isSame(other, trigger)))
        throw new ApiError('ResourceInUse.Trigger', `The trigger ${trigger.triggerName} exists already.`);
      // First the function's state: a binding must not stand if the trigger is refused.
      functions.set(place, {});
      bind(functions, trigger, place);
      functions.set(place, { triggers: [...others, trigger] });
      return { TriggerInfo: shown(trigger) };
    },
    DeleteTrigger: (call) => {
      const params = readParams(namedParams, call.params);
      const place = placeOf(call, params);
      const trigger = findTrigger(triggersOf(place), params);
      functions.set(place, { triggers: triggersOf(place).filter((other) => other !== trigger) });
      unbind(functions, trigger, place);
      return {};
    },
    UpdateTriggerStatus: (call) => {
      const params = readParams(statusParams, call.params);
      const place = placeOf(call, params);
      const trigger = findTrigger(triggersOf(place), params);
      const changed = { ...trigger, enable: params.Enable === 'OPEN' };
      functions.set(place, {});
      unbind(functions, trigger, place);
      bind(functions, changed, place);
      functions.set(place, {
        triggers: triggersOf(place).map((other) => (other === trigger ? changed : other)),
      });
      return {};
    },
    UpdateTrigger: (call) => {
      const params = readParams(triggerParams, call.params);
      const place = placeOf(call, params);
      if (params.Type === 'cos')
        throw new ApiError('UnsupportedOperation', 'A cos trigger is deleted and created again.');
      // Of these types a name is enough: what is described may change.
      const trigger = findTrigger(triggersOf(place), { ...params, TriggerDesc: undefined });
      const changed = newTrigger(params, call, place);
      functions.set(place, {
        triggers: triggersOf(place).map((other) => (other === trigger ? changed : other)),
      });
      return {};
    },
    ListTriggers: (call) => {
      const params = readParams(listParams, call.params);
      const triggers = triggersOf(placeOf(call, params));
      return {
        TotalCount: triggers.length,
        Triggers: triggers.slice(params.Offset, params.Offset + params.Limit).map(shown),
      };
    },
  };
}

const qualifierDefault = '$LATEST';
const type = z.enum(['cos', 'timer', 'http']);
const enable = z.enum(['OPEN', 'CLOSE']);
const triggerParams = placeParams.extend({
  TriggerName: z.string().max(100).default(''),
  Type: type,
  TriggerDesc: z.string(),
  Qualifier: z.string().default(qualifierDefault),
  Enable: enable.default('OPEN'),
  CustomArgument: z.string().default(''),
});
/** TriggerDesc tells apart the cos triggers of a bucket, which share a name. */
const namedParams = placeParams.extend({
  TriggerName: z.string(),
  Type: type,
  TriggerDesc: z.string().optional(),
});
const statusParams = namedParams.extend({ Enable: enable });
const listParams = placeParams.extend({
  Offset: wholeNumber.min(0).default(0),
  Limit: wholeNumber.min(1).max(100).default(20),
});

function newTrigger(
  params: z.output<typeof triggerParams>,
  { account }: Call,
  place: FunctionPlace,
): RegisteredTrigger {
  const common = {
    type: params.Type,
    qualifier: params.Qualifier,
    enable: params.Enable === 'OPEN',
    customArgument: params.CustomArgument,
  };
  switch (params.Type) {
    case 'cos':
      return { ...common, triggerName: params.TriggerName, triggerDesc: params.TriggerDesc };
    case 'timer': {
      checkCron(params.TriggerName, params.TriggerDesc);
      return {
        ...common,
        triggerName: params.TriggerName,
        triggerDesc: JSON.stringify({ cron: params.TriggerDesc }),
      };
    }
    case 'http': {
      const desc = readDesc(urlDesc, params.TriggerDesc);
      const id = functionUrlId(place.name);
      const url = (net: string): string =>
        `https://${account.appid}-${id}.${net}${place.region}.tencentscf.com`;
      const { EnableExtranet, EnableIntranet } = desc.NetConfig;
      const NetConfig = {
        ...desc.NetConfig,
        ExtranetUrl: EnableExtranet ? url('') : '',
        IntranetUrl: EnableIntranet ? url('in.') : '',
      };
      // The server chooses the name; a function has one URL for a version.
      return { ...common, triggerName: `url-${id}`, triggerDesc: JSON.stringify({ ...desc, NetConfig }) };
    }
  }
}

const urlDesc = z.object({
  AuthType: z.enum(['NONE', 'CAM']),
  NetConfig: z.object({ EnableIntranet: z.boolean(), EnableExtranet: z.boolean() }),
  CorsConfig: z.unknown().optional(),
});
const cosDesc = z.object({
  event: z.string(),
  filter: z
    .object({ Prefix: z.string().default(''), Suffix: z.string().default('') })
    .default({ Prefix: '', Suffix: '' }),
});

function readDesc<Schema extends z.ZodType>(schema: Schema, text: string): z.output<Schema> {
  try {
    return schema.parse(JSON.parse(text));
  } catch {
    throw new ApiError('InvalidParameterValue.TriggerDesc', `The TriggerDesc cannot be read: ${text}`);
  }
}

function checkCron(triggerName: string, cron: string): void {
  try {
    readCron({ functionName: '', triggerName, cron }).stop();
  } catch {
    throw new ApiError(
      'InvalidParameterValue.TriggerCronConfig',
      `The cron expression cannot be read: ${cron}`,
    );
  }
}

const cosTriggerName = /^([a-z0-9-]+-\d+)\.cos\.([a-z0-9-]+)\.myqcloud\.com$/;

function bucketTrigger(trigger: RegisteredTrigger, place: FunctionPlace): BucketTrigger {
  const [, bucket, region] = cosTriggerName.exec(trigger.triggerName) ?? [];
  if (bucket === undefined || region === undefined) {
    const message = 'The name of a cos trigger is <bucket>-<appid>.cos.<region>.myqcloud.com.';
    throw new ApiError('InvalidParameterValue.TriggerName', message);
  }
  const { event, filter } = readDesc(cosDesc, trigger.triggerDesc);
  return { functionName: place.name, bucket, region, event, prefix: filter.Prefix, suffix: filter.Suffix };
}

/** Binds again what functions that are there at the start are bound to. */
export function bindKept(functions: FunctionRegistry): void {
  for (const scf of functions.all()) for (const trigger of scf.triggers) bind(functions, trigger, scf);
}

/**
 * Binds a bucket, unless the trigger is switched off or of another type. Which code SCF gives to a refusal of COS's is not
 * documented: COS's own is in the message.
 */
function bind({ cosTriggers }: FunctionRegistry, trigger: RegisteredTrigger, place: FunctionPlace): void {
  const wanted = trigger.type === 'cos' ? bucketTrigger(trigger, place) : undefined;
  const refusal = wanted && trigger.enable ? cosTriggers.bind(wanted) : undefined;
  if (!refusal) return;
  const isOwn = refusal.code.includes('.');
  throw new ApiError(
    isOwn ? refusal.code : 'FailedOperation.CreateTrigger',
    isOwn ? refusal.message : `${refusal.code}: ${refusal.message}`,
  );
}

function unbind({ cosTriggers }: FunctionRegistry, trigger: RegisteredTrigger, place: FunctionPlace): void {
  if (trigger.type === 'cos') cosTriggers.unbind(bucketTrigger(trigger, place));
}

function findTrigger(
  triggers: readonly RegisteredTrigger[],
  wanted: { readonly Type: string; readonly TriggerName: string; readonly TriggerDesc?: string | undefined },
): RegisteredTrigger {
  const found = triggers.find(
    ({ type: own, triggerName, triggerDesc }) =>
      own === wanted.Type &&
      // A client cannot choose the name of a URL, and finds it by its type.
      (triggerName === wanted.TriggerName || (own === 'http' && wanted.TriggerName === '')) &&
      (own !== 'cos' || triggerDesc === wanted.TriggerDesc),
  );
  if (!found)
    throw new ApiError(
      'ResourceNotFound.Trigger',
      `There is no ${wanted.Type} trigger ${wanted.TriggerName}.`,
    );
  return found;
}

function isSame(one: RegisteredTrigger, other: RegisteredTrigger): boolean {
  if (one.type !== other.type || one.qualifier !== other.qualifier) return false;
  if (one.type === 'http') return true;
  return (
    one.triggerName === other.triggerName && (one.type !== 'cos' || one.triggerDesc === other.triggerDesc)
  );
}

function shown(trigger: RegisteredTrigger) {
  return {
    Type: trigger.type,
    TriggerName: trigger.triggerName,
    TriggerDesc: trigger.triggerDesc,
    Qualifier: trigger.qualifier,
    Enable: trigger.enable ? 1 : 0,
    AvailableStatus: 'Available',
    CustomArgument: trigger.customArgument,
  };
}
