import { unknownChoices, type Unknowns } from '../../infra/local/unknowns';
import { pairwise } from '../support/combinations';
import { testUnder } from './under-unknowns';

/** Every two choices of different unknowns together; `npm run unknowns` tries all combinations. */
testUnder(pairwise(unknownChoices) as readonly Unknowns[]);
