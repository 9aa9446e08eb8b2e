import type { Hooks } from './upstream-guards';

/** The part of the framework's own objects that the plugin uses; osls ships no types of them. */
export interface Serverless {
  readonly serviceDir: string;
  readonly service: {
    readonly service: string;
    readonly provider: { readonly stage: string };
    readonly custom?: { readonly replication?: unknown };
    readonly functions: Record<string, { package?: { individually: boolean; artifact: string } }>;
  };
  readonly pluginManager: { readonly hooks: Hooks };
  readonly classes: {
    /** An error that is shown as a sentence, without a stack. */
    readonly Error: new (message: string, code: string) => Error;
  };
  readonly configSchemaHandler: {
    readonly defineProvider: (name: string, options: object) => void;
    readonly defineFunctionProperties: (provider: string, schema: object) => void;
    readonly defineFunctionEvent: (provider: string, name: string, schema: object) => void;
    readonly defineCustomProperties: (schema: object) => void;
  };
}

/** The third argument of a plugin. */
export interface OslsLog {
  readonly writeText: (text: string) => void;
}
