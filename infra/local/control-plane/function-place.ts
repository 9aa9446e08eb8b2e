import { z } from 'zod';
import { ApiError } from './api-error';
import type { Call } from './control-plane';
import type { FunctionPlace } from './function-registry';

export const functionName = z.string().regex(/^[A-Za-z](?:[\w-]{0,58}[A-Za-z0-9])?$/);
export const namespace = z.string().default('default');

/** Parameters that name a function. */
export const placeParams = z.object({ FunctionName: functionName, Namespace: namespace });

export function placeOf(
  call: Call,
  params: { readonly FunctionName: string; readonly Namespace: string },
): FunctionPlace {
  return { region: regionOf(call), namespace: params.Namespace, name: params.FunctionName };
}

export function regionOf({ region }: Call): string {
  if (region === '') throw new ApiError('MissingParameter', 'The parameter Region is missing.');
  return region;
}
