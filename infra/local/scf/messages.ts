import type { ContextBase } from './environment';

/** The first message to a new instance: everything it must know that no function may see in its environment. */
export interface InitMessage {
  readonly kind: 'init';
  readonly bundle: string;
  readonly handlerExport: string;
  readonly context: ContextBase;
  /** Where requests to Tencent Cloud's hosts go instead. */
  readonly cloudPort: number;
}

/** One event. Events travel as JSON text, so that they are encoded once however often they are retried. */
export interface InvokeMessage {
  readonly kind: 'invoke';
  readonly requestId: string;
  readonly event: string;
  /** Variables to set before the handler runs: a renewed key of the role. */
  readonly environment: Readonly<Record<string, string>>;
}

export type HostMessage = InitMessage | InvokeMessage;

export type InstanceMessage =
  | { readonly kind: 'ready' }
  | { readonly kind: 'initFailed'; readonly message: string }
  | { readonly kind: 'returned'; readonly requestId: string; readonly result: string }
  | { readonly kind: 'threw'; readonly requestId: string; readonly message: string };
