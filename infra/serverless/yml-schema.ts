/** The JSON schemas of what serverless.yml may say, so that a typo is an error before anything is done. */
export const providerSchema = {
  provider: {
    type: 'object',
    properties: { region: { type: 'string' }, stage: { type: 'string' } },
    additionalProperties: false,
  },
} as const;

export const functionProperties = {
  properties: {
    handler: { type: 'string', pattern: '^[\\w-]+\\.[\\w-]+$' },
    memorySize: { type: 'integer', minimum: 64, maximum: 3072 },
    timeout: { type: 'integer', minimum: 1, maximum: 900 },
    retries: { type: 'integer', minimum: 0, maximum: 2 },
    messageAgeSeconds: { type: 'integer', minimum: 60, maximum: 21_600 },
    reservedConcurrencyMb: { type: 'integer', minimum: 128 },
  },
  required: ['handler', 'memorySize', 'timeout', 'retries', 'messageAgeSeconds'],
} as const;

export const functionEvents = {
  cosSources: { const: true },
  functionUrl: { const: true },
  timer: {
    type: 'object',
    properties: { name: { type: 'string' }, cron: { type: 'string' } },
    required: ['name', 'cron'],
    additionalProperties: false,
  },
} as const;

/** Under `custom`. What a stage may say is checked with its own messages by settings.ts. */
export const customProperties = { properties: { replication: {} }, additionalProperties: false } as const;
