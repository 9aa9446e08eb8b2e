import type { CallCloud } from '../cloud-api';
import type { Finding } from '../finding';
import type { Lab } from './lab';

export interface Instruments {
  readonly lab: Lab;
  readonly call: CallCloud;
  /** The region's COS for another key. */
  readonly cosFor: (credentials: {
    readonly secretId: string;
    readonly secretKey: string;
    readonly token: string;
  }) => Lab['sdk'];
  readonly appid: string;
}

/** Something that nobody outside of Tencent knows, or that is only documented, and that this project rests on. */
export interface Question {
  /** As it is shown while it is asked. */
  readonly about: string;
  readonly ask: (instruments: Instruments) => Promise<readonly Finding[]>;
}
